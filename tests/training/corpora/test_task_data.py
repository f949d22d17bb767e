"""Task data is asked for once, survives an interruption, and is kept only where it is of use."""

import json

import pytest

from clueplus.errors import ClueplusError
from clueplus.training.corpora import task_data
from clueplus.training.corpora.build import build_corpus
from clueplus.training.corpora.prompts import PROMPTS
from tests.support.corpora import SENTENCE, corpus, read_rows, surroundings, write_rows
from tests.support.fake_server import fake_server

NOTES = [f"note {number} tells of one more patient with a cold" for number in range(12)]
KINDS = {"Summary:": "summary", "Questions and answers:": "questions", "Terms:": "entities", "Relations:": "relations"}


@pytest.fixture(autouse=True)
def _data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path / "data"))


def prompt_of(payload):
    return payload["messages"][0]["content"]


def number_of(payload):
    return int(prompt_of(payload).split("note ")[-1].split()[0])


def answer(payload, _=0):
    kind = next(kind for end, kind in KINDS.items() if prompt_of(payload).endswith(end))
    return f"{kind} of {number_of(payload)}"


@pytest.fixture
def build(tmp_path):
    def built(server, rows=NOTES, name="out", around=None, kinds=("summary",), **fields):
        write_rows(tmp_path / "in.jsonl", rows)
        asked = {"base_url": server.base_url, "model": "fake", "kinds": kinds}
        spec = corpus(**fields).model_copy(update={"task_data": corpus(task_data=asked).task_data})
        manifest = build_corpus(spec, tmp_path / name, around or surroundings(tmp_path))
        return manifest, read_rows(tmp_path / name)

    return built


def test_every_document_gets_what_is_asked_for_in_order(build):
    with fake_server(answer, vllm=True) as server:
        manifest, rows = build(server, kinds=("summary", "questions", "entities", "relations"))
    assert [row["text"] for row in rows] == NOTES
    expected = [f"{kind} of 5" for kind in ("summary", "questions", "entities", "relations")]
    assert rows[5]["task_data"] == expected
    assert manifest.with_task_data == 12
    asking = manifest.task_data
    assert (asking.asked, asking.answered, asking.dropped, asking.failed) == (48, 48, {}, {})
    assert (asking.model, asking.host) == ("fake", server.base_url.split("/")[2])
    assert list(asking.prompts) == ["summary", "questions", "entities", "relations"]
    assert asking.decoding["max_tokens"] == 512
    texts = [*NOTES, *(output for row in rows for output in row["task_data"])]
    assert manifest.characters == sum(map(len, texts))


def test_only_what_stays_is_asked_about(build):
    with fake_server(answer, vllm=True) as server:
        manifest, _ = build(server, rows=[NOTES[0], NOTES[0].upper(), SENTENCE, NOTES[1]])
        assert sorted(map(number_of, server.requests)) == [0, 1]
    assert manifest.task_data.asked == 2


def test_a_document_that_has_task_data_keeps_it(build):
    rows = [{"text": NOTES[0], "made": ["a summary by hand"]}, {"text": NOTES[1]}]
    with fake_server(answer, vllm=True) as server:
        _, kept = build(server, rows=rows, task_data="made")
        assert list(map(number_of, server.requests)) == [1]
    assert [row["task_data"] for row in kept] == [["a summary by hand"], ["summary of 1"]]


def test_a_second_build_asks_for_nothing_again(build):
    with fake_server(answer, vllm=True) as server:
        first = build(server)
        assert len(server.requests) == 12
        second = build(server, name="again")
        assert len(server.requests) == 12
        more, _ = build(server, rows=[*NOTES, "note 12 tells of another patient"], name="more")
        assert len(server.requests) == 13
    assert first == second
    assert more.task_data.answered == 13


def test_a_build_that_was_interrupted_goes_on_where_it_was(build, tmp_path):
    def interrupt(source, done):
        if source == "task data" and done == 5:
            raise KeyboardInterrupt

    with fake_server(answer, vllm=True) as server:
        with pytest.raises(KeyboardInterrupt):
            build(server, around=surroundings(tmp_path, progress=interrupt))
        assert not (tmp_path / "out").exists()
        before = len(server.requests)
        manifest, _ = build(server)
        kept = before + 12 - len(server.requests)
        assert kept >= 5, "what was answered before the interrupt is not asked again"
    assert manifest.task_data.answered == 12


def test_answers_of_no_use_are_dropped_and_counted(build):
    def reply(payload, _):
        special = {0: "", 1: "<think>hm</think> \n", 2: f"It says: {SENTENCE}", 3: "<think>hm</think> fine"}
        if number_of(payload) == 4:
            choice = {"index": 0, "message": {"content": "cut"}, "finish_reason": "length"}
            return 200, {"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
        return special.get(number_of(payload), "good")

    with fake_server(reply, vllm=True) as server:
        manifest, rows = build(server)
    asking = manifest.task_data
    assert asking.dropped == {"empty answer": 2, "overlap with a test split": 1, "cut off by the token limit": 1}
    assert (asking.asked, asking.answered, manifest.rows, manifest.with_task_data) == (12, 8, 12, 8)
    assert [row.get("task_data") for row in rows[:6]] == [None, None, None, ["fine"], None, ["good"]]


def test_too_many_failures_are_an_error_and_the_next_build_asks_for_them_alone(build, tmp_path):
    def reply(payload, _):
        return (400, {"error": {"message": "no"}}) if number_of(payload) < 3 else answer(payload)

    with fake_server(reply, vllm=True) as server:
        with pytest.raises(ClueplusError, match="3 of 12 requests for task data got no answer"):
            build(server)
        assert not (tmp_path / "out").exists()
        server.reply = answer
        asked = len(server.requests)
        manifest, _ = build(server)
        assert len(server.requests) == asked + 3
    assert manifest.task_data.answered == 12


def test_a_handful_of_failures_among_many_is_counted(build):
    rows = [f"note {number} is one of many that are short" for number in range(150)]

    def reply(payload, _):
        return (400, {"error": {"message": "no"}}) if number_of(payload) == 7 else answer(payload)

    with fake_server(reply, vllm=True) as server:
        manifest, kept = build(server, rows=rows)
    assert sum(manifest.task_data.failed.values()) == 1
    assert (manifest.rows, manifest.with_task_data) == (150, 149)
    assert "task_data" not in kept[7]


def test_a_document_too_long_for_the_model_is_asked_about_without_its_middle(build):
    long = f"note 0 {'begins ' * 300}{'goes on ' * 300}{'ends ' * 300}"
    with fake_server(answer, vllm=True, max_model_len=1500) as server:
        manifest, rows = build(server, rows=[long, NOTES[1]], near_duplicates=None)
        prompts = [prompt_of(request) for request in server.requests]
    assert manifest.task_data.cut == 1
    assert rows[0]["text"] == long
    (cut,) = (prompt for prompt in prompts if "note 0" in prompt)
    assert "note 0 begins" in cut
    assert "ends" in cut
    assert len(cut) < 2 * 1500


def test_an_endpoint_that_is_not_there_is_one_line_and_leaves_nothing(build, tmp_path):
    class Nowhere:
        base_url = "http://127.0.0.1:9/v1"

    heard = []
    with pytest.raises(ClueplusError, match="does not answer"):
        build(Nowhere, around=surroundings(tmp_path, progress=lambda *state: heard.append(state)))
    assert not (tmp_path / "out").exists()
    assert heard == [], "nothing is read for nothing"


def test_documents_with_braces_are_asked_about_as_they_are(build):
    with fake_server(answer, vllm=True) as server:
        build(server, rows=["note 1 has {document} and {braces}"])
        assert "note 1 has {document} and {braces}" in prompt_of(server.requests[0])


def test_every_prompt_has_a_place_for_the_document():
    assert set(KINDS.values()) == set(PROMPTS)
    for prompt in PROMPTS.values():
        assert prompt.count("{document}") == 1
        assert next(end for end in KINDS if prompt.endswith(end))


def test_restricted_documents_are_asked_about_on_this_machine_alone(build, tmp_path, monkeypatch):
    monkeypatch.setattr("clueplus.errors._withheld", [])
    tiers = set()

    async def generate(model, requests, *rest, **options):
        tiers.update(request.tier for request in requests)
        return await task_data.generate_for_real(model, requests, *rest, **options)

    monkeypatch.setattr(task_data, "generate_for_real", task_data.generate, raising=False)
    monkeypatch.setattr(task_data, "generate", generate)
    with fake_server(answer, vllm=True) as server:
        manifest, _ = build(server, tier="restricted")
    assert manifest.task_data.answered == 12
    assert tiers == {"restricted"}, "so that the client checks every request once more"
    texts = json.dumps(manifest.model_dump(mode="json"))
    assert not any(note in texts for note in NOTES)
