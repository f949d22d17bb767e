"""`clueplus data rewrite`: documents made by a model, resumed, refused, reported, and named in later records."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from clueplus.data import Library, load_splits
from clueplus.data.imported import read_imported, report_path
from clueplus.registry import Catalog
from tests.cli.conftest import Cli
from tests.support.fake_server import FakeServer, fake_server
from tests.support.rewriting import echo, pairs_file, prompt_of, reports_file, rewriting_model

TASKS = {"medication_qa": ("official", pairs_file), "rrs_qa": ("open", reports_file)}
BOTH = pytest.mark.parametrize("task", list(TASKS))


def held(task: str, folder: Path) -> Path:
    return TASKS[task][1](folder)


def to(server: FakeServer) -> tuple[str, ...]:
    return ("--model", "fake", "--base-url", server.base_url)


def written(tmp_path: Path, task: str) -> dict[str, bytes]:
    """The content of every file beside the documents of a task, by name."""
    folder = tmp_path / "no-data" / "restricted" / task
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}


def documents(tmp_path: Path, task: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    splits = load_splits(Catalog().task(task), TASKS[task][0], Library(tmp_path / "no-data"))  # type: ignore[arg-type]
    return list(splits.test), list(splits.fewshot)


def test_pairs_beside_their_question_are_dropped_and_the_others_rewritten(cli: Cli, tmp_path: Path) -> None:
    with fake_server(rewriting_model) as server:
        result = cli("data", "rewrite", "medication_qa", pairs_file(tmp_path), *to(server))
    assert result.code == 0, result.err
    assert "medication_qa (official): 41 test, 7 fewshot documents, made by fake\n" in result.out
    assert "asked 60 times, kept 48 of 60 candidates (80%)\n" in result.out
    assert "  dropped: 12 x the passage does not answer the question\n" in result.out
    test, pool = documents(tmp_path, "medication_qa")
    for document in test + pool:
        number = int(document["id"].removeprefix("pair-")) - 1
        assert document["answer"] == f"Take {number} mg a day."
        assert document["question"] == f"how much of Drug {number // 2}, case {number}?"
    assert not {d["drug"] for d in test} & {d["drug"] for d in pool}


def test_impressions_become_pairs_whose_answers_stand_in_them(cli: Cli, tmp_path: Path) -> None:
    path = reports_file(tmp_path)
    with fake_server(rewriting_model) as server:
        result = cli("data", "rewrite", "rrs_qa", path, *to(server))
    assert result.code == 0, result.err
    assert "rrs_qa (open): 52 test, 8 fewshot documents, made by fake\n" in result.out
    assert "  dropped: 30 x an answer that is not in the impression\n" in result.out
    impressions = {report["study_id"]: report["impression"] for report in json.loads(path.read_text())}
    test, pool = documents(tmp_path, "rrs_qa")
    assert all(document["answer"] in impressions[document["study"]] for document in test + pool)
    assert not {d["study"] for d in test} & {d["study"] for d in pool}
    assert len({d["study"] for d in pool[:3]}) == 3


@BOTH
def test_the_report_adds_up_and_lies_beside_the_documents(cli: Cli, tmp_path: Path, task: str) -> None:
    path = held(task, tmp_path)
    with fake_server(rewriting_model, vllm=True) as server:
        report = json.loads(cli("data", "rewrite", task, path, *to(server), "--json").out)
    place = report_path(tmp_path / "no-data", task, TASKS[task][0])
    assert json.loads(place.read_text()) == report
    _, manifest = read_imported(tmp_path / "no-data", task, TASKS[task][0])
    assert report["kept"] == sum(report["splits"].values()) == sum(manifest.splits.values())
    assert report["acceptance"] == pytest.approx(report["kept"] / (report["kept"] + sum(report["dropped"].values())))
    assert (report["failed"], report["rejected"]) == ({}, {})
    assert report["documents_sha256"] == manifest.documents_sha256
    assert list(report["sources"]) == [path.name]
    made_by = report["made_by"]
    assert made_by == manifest.model_dump(mode="json")["made_by"]
    assert (made_by["model"], made_by["api"], made_by["engine"]) == ("fake", "chat", "vllm 0.0.fake")
    assert (made_by["decoding"]["temperature"], made_by["decoding"]["seed"]) == (0.0, 1234)
    assert made_by["identity"]["served"] == [{"root": "fake-weights", "weights": None}]
    assert len(made_by["prompt"]) == 64


def test_what_is_sent_is_greedy_and_one_question_a_row(cli: Cli, tmp_path: Path) -> None:
    with fake_server(rewriting_model) as server:
        cli("data", "rewrite", "medication_qa", pairs_file(tmp_path), *to(server))
    assert {(sent["temperature"], sent["seed"], sent["max_tokens"]) for sent in server.requests} == {(0.0, 1234, 1024)}
    assert len({prompt_of(sent) for sent in server.requests}) == 60
    assert {len(sent["messages"]) for sent in server.requests} == {1}


@BOTH
def test_a_rewriting_that_broke_off_goes_on_and_ends_with_the_same_files(cli: Cli, tmp_path: Path, task: str) -> None:
    path = held(task, tmp_path)
    with fake_server(rewriting_model) as server:
        assert cli("data", "rewrite", task, path, *to(server), "--fresh").code == 0
        whole = written(tmp_path, task)
        answered = len(server.requests)
    store = tmp_path / "no-data" / "restricted" / "answers" / "fake" / f"rewrite-{task}.jsonl"
    store.with_name(store.name + ".gz").unlink(missing_ok=True)
    store.unlink()
    for file in (tmp_path / "no-data" / "restricted" / task).iterdir():
        file.unlink()
    with fake_server(rewriting_model) as server:
        server.die_after = 11
        broken = cli("data", "rewrite", task, path, *to(server), "--attempts", 2, "--concurrency", 4)
        assert broken.code == 2
        assert "answers are stored" in broken.error
        assert written(tmp_path, task) == {}
    with store.open("a") as file:
        file.write('{"key": "torn')
    with fake_server(rewriting_model) as server:
        assert cli("data", "rewrite", task, path, *to(server)).code == 0
        assert len(server.requests) == answered - 11, "nothing is asked twice"
    again = written(tmp_path, task)
    name = report_path(tmp_path, task, TASKS[task][0]).name
    one, two = ({**json.loads(files.pop(name)), "hosts": None} for files in (whole, again))
    assert one == two, "but for the port of the fake server"
    assert whole == again


def test_fresh_asks_everything_anew(cli: Cli, tmp_path: Path) -> None:
    path = pairs_file(tmp_path)
    with fake_server(rewriting_model) as server:
        for words in ((), (), ("--fresh",)):
            assert cli("data", "rewrite", "medication_qa", path, *to(server), *words).code == 0
        assert len(server.requests) == 120


@BOTH
def test_without_a_file_the_one_that_was_imported_is_read(cli: Cli, tmp_path: Path, task: str) -> None:
    path = held(task, tmp_path)
    with fake_server(rewriting_model) as server:
        assert cli("data", "rewrite", task, path, *to(server)).code == 0
        direct = written(tmp_path, task)
        assert cli("data", "import", task, path).code == 0
        result = cli("data", "rewrite", task, *to(server))
        assert result.code == 0, result.err
    documents = f"{TASKS[task][0]}.jsonl"
    assert written(tmp_path, task)[documents] == direct[documents]
    if task == "rrs_qa":
        assert "documents that were imported are replaced" in result.err


def test_the_imported_file_is_found_from_another_folder(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pairs_file(tmp_path)
    assert cli("data", "import", "medication_qa", path.name).code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with fake_server(rewriting_model) as server:
        assert cli("data", "rewrite", "medication_qa", *to(server)).code == 0


@BOTH
def test_no_import_and_no_file_is_told_with_the_command(cli: Cli, tmp_path: Path, task: str) -> None:
    error = cli("data", "rewrite", task, "--model", "fake", "--base-url", "http://127.0.0.1:9/v1").error
    assert f"{task} (open) was not imported here" in error
    assert f"clueplus data import {task} {held(task, tmp_path).name}" in error


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_an_imported_file_that_went_or_changed_is_told(cli: Cli, tmp_path: Path, change: str) -> None:
    path = pairs_file(tmp_path)
    assert cli("data", "import", "medication_qa", path).code == 0
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(b"x")
    error = cli("data", "rewrite", "medication_qa", "--model", "fake", "--base-url", "http://127.0.0.1:9/v1").error
    assert ("is not there" if change == "gone" else "changed since it was imported") in error


def test_an_endpoint_that_is_down_is_told(cli: Cli, tmp_path: Path) -> None:
    with fake_server() as server:
        pass
    error = cli("data", "rewrite", "medication_qa", pairs_file(tmp_path), *to(server)).error
    assert "does not answer" in error
    assert written(tmp_path, "medication_qa") == {}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("medication", "F"), "did you mean medication_qa"),
        (("medec", "F"), "medec is not made by a model. Fix: tasks with a rewriting: medication_qa, rrs_qa"),
        (("rrs_qa", "missing.json"), "missing.json: No such file"),
        (("rrs_qa", "F"), "no .json file of reports. Fix: give indiana_dev.json"),
        (("medication_qa", "pairs.jsonl"), "these pairs count as rewritten already"),
        (("medication_qa", "F", "--variant", "open"), "is not its variant 'open'. Fix: --variant official"),
        (("rrs_qa", "F", "--variant", "sample"), "--variant open or official"),
        (("medication_qa", "F", "--model", "baseline:lead"), "is a rule and can't rewrite"),
        (("medication_qa", "F", "--model", "nobody"), "unknown model 'nobody'"),
        (("medication_qa", "F", "--base-url", "http://127.0.0.1:9/v1", "--replicas", "2"), "nothing is started here"),
        (("medication_qa", "empty.jsonl"), "count as rewritten"),
        (("rrs_qa", "empty.json"), "nothing to ask about: all 1 rows are rejected"),
        (("rrs_qa", "empty.json", "--attest", "missing.yaml"), "missing.yaml: No such file"),
    ],
)
def test_a_mistake_is_one_line_with_the_fix(cli: Cli, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"question": "q", "answer": "a"}\n')
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "empty.json").write_text("[{}]")
    path = pairs_file(tmp_path)
    words = tuple(path.name if word == "F" else word for word in words)
    model = () if "--model" in words else ("--model", "phi-3.5-mini-instruct")
    assert told in cli("data", "rewrite", *words, *model).error


@BOTH
def test_nothing_kept_is_an_error_with_the_reasons_and_writes_nothing(cli: Cli, tmp_path: Path, task: str) -> None:
    with fake_server(echo) as server:
        error = cli("data", "rewrite", task, held(task, tmp_path), *to(server)).error
    assert "0 documents were kept, too few for a test and a few-shot pool" in error
    assert written(tmp_path, task) == {}


def test_documents_of_before_outlive_a_rewriting_that_fails(cli: Cli, tmp_path: Path) -> None:
    path = pairs_file(tmp_path)
    with fake_server(rewriting_model) as server:
        assert cli("data", "rewrite", "medication_qa", path, *to(server)).code == 0
    before = written(tmp_path, "medication_qa")
    with fake_server(echo) as server:
        assert cli("data", "rewrite", "medication_qa", path, *to(server), "--fresh").code == 2
    assert written(tmp_path, "medication_qa") == before


def test_few_kept_are_written_and_noted(cli: Cli, tmp_path: Path) -> None:
    def picky(payload: Any, number: int) -> str:
        return rewriting_model(payload) if "1," in prompt_of(payload) else '{"answers_question": false}'

    with fake_server(picky) as server:
        result = cli("data", "rewrite", "medication_qa", pairs_file(tmp_path, 50), *to(server))
    assert result.code == 0, result.err
    assert "only 10% of the candidates were kept" in " ".join(result.err.split())


def test_a_handful_of_failures_is_counted_and_more_stop_it(cli: Cli, tmp_path: Path) -> None:
    refused = {"case 7?"}

    def choosy(payload: Any, number: int) -> Any:
        if any(case in prompt_of(payload) for case in refused):
            return 400, {"error": {"message": "no"}}
        return rewriting_model(payload)

    path = pairs_file(tmp_path, 60)
    with fake_server(choosy) as server:
        report = json.loads(cli("data", "rewrite", "medication_qa", path, *to(server), "--json").out)
        assert (report["asked"], report["failed"]) == (120, {"HTTP 400: no": 1})
        assert report["kept"] + sum(report["dropped"].values()) == 119
        refused.add("case 8?")
        error = cli("data", "rewrite", "medication_qa", path, *to(server), "--fresh").error
        assert "2 of 120 requests got no answer: HTTP 400: no" in error
        refused.clear()
        asked = len(server.requests)
        assert cli("data", "rewrite", "medication_qa", path, *to(server)).code == 0
        assert len(server.requests) == asked + 1, "only what never had an answer is asked again"


def test_an_answer_that_the_token_limit_cut_is_dropped(cli: Cli, tmp_path: Path) -> None:
    def cut(payload: Any, number: int) -> Any:
        choice = {"message": {"content": rewriting_model(payload)}, "finish_reason": "length"}
        whole = "case 1?" not in prompt_of(payload)
        return rewriting_model(payload) if whole else (200, {"choices": [choice]})

    with fake_server(cut) as server:
        result = cli("data", "rewrite", "medication_qa", pairs_file(tmp_path), *to(server))
    assert "  dropped: 1 x an answer that the token limit cut off\n" in result.out


def test_what_a_model_thinks_aloud_is_no_answer(cli: Cli, tmp_path: Path) -> None:
    thought = '<think>{"answers_question": false}</think>'
    with fake_server(lambda payload, number: thought + rewriting_model(payload)) as server:
        result = cli("data", "rewrite", "medication_qa", pairs_file(tmp_path), *to(server))
    assert "kept 48 of 60" in result.out


def test_a_model_s_own_stop_strings_end_its_answers(cli: Cli, tmp_path: Path) -> None:
    with fake_server(lambda payload, number: rewriting_model(payload) + '<|end|>{"more": 1}') as server:
        server.models_reply = (200, {"data": [{"id": "microsoft/Phi-3.5-mini-instruct", "max_model_len": 8192}]})
        words = ("--model", "phi-3.5-mini-instruct", "--base-url", server.base_url, "--json")
        report = json.loads(cli("data", "rewrite", "medication_qa", pairs_file(tmp_path), *words).out)
    assert report["made_by"]["decoding"]["stop"] == ["<|end|>"]
    assert report["made_by"]["model"] == "microsoft/Phi-3.5-mini-instruct"
    assert report["kept"] == 48


def test_several_endpoints_share_the_work_and_one_that_dies_loses_none(cli: Cli, tmp_path: Path) -> None:
    path = pairs_file(tmp_path)
    with fake_server(rewriting_model) as one, fake_server(rewriting_model) as two:
        two.die_after = 5
        words = ("--base-url", two.base_url, "--concurrency", 4, "--attempts", 2)
        result = cli("data", "rewrite", "medication_qa", path, *to(one), *words)
        assert result.code == 0, result.err
        assert "kept 48 of 60" in result.out
        assert one.requests
        assert two.requests


def test_a_completions_model_is_asked_in_plain_text(cli: Cli, tmp_path: Path) -> None:
    def answer(payload: Any, number: int) -> str:
        return rewriting_model({"messages": [{"content": payload["prompt"]}]})

    with fake_server(answer) as server:
        result = cli("data", "rewrite", "rrs_qa", reports_file(tmp_path), *to(server), "--api", "completions", "--json")
    assert json.loads(result.out)["made_by"]["api"] == "completions"


def other_model(payload: Any, number: int = 0) -> str:
    return rewriting_model(payload).replace("a day", "daily").replace(", {", ",{")


@BOTH
def test_the_record_of_an_evaluation_names_the_model_that_made_the_documents(
    cli: Cli, tmp_path: Path, task: str
) -> None:
    path, found = held(task, tmp_path), []
    variant = TASKS[task][0]
    for root in ("one", "two"):
        with fake_server(rewriting_model if root == "one" else other_model, root=root) as server:
            assert cli("data", "rewrite", task, path, *to(server)).code == 0
        result = cli("evaluate", "--model", "baseline:nearest", "--tasks", task, "--variant", variant, "--json")
        assert result.code == 0, result.err
        found.append(json.loads(result.out)["tasks"][0]["data"])
    assert [data["made_by"]["identity"]["served"][0]["root"] for data in found] == ["one", "two"]
    table = cli("evaluate", "--model", "baseline:lead", "--tasks", task, "--variant", variant).out
    assert "documents made by fake" in " ".join(table.split())
    if task == "medication_qa":
        assert found[0]["documents"] != found[1]["documents"], "another model's documents are other documents"
    assert cli("data", "import", "rrs_qa", reports_file(tmp_path)).code == 0
    result = cli("evaluate", "--model", "baseline:lead", "--tasks", "rrs_qa", "--variant", "open", "--json")
    assert json.loads(result.out)["tasks"][0]["data"]["made_by"] is None
    assert not report_path(tmp_path / "no-data", "rrs_qa", "open").exists(), "it told of other documents"


def test_documents_of_another_model_replace_those_of_the_first_aloud(cli: Cli, tmp_path: Path) -> None:
    path = pairs_file(tmp_path)
    with fake_server(rewriting_model, root="one") as server:
        assert "are replaced" not in cli("data", "rewrite", "medication_qa", path, *to(server)).err
        assert "are replaced" not in cli("data", "rewrite", "medication_qa", path, *to(server)).err
    with fake_server(other_model, root="two") as server:
        error = cli("data", "rewrite", "medication_qa", path, *to(server)).err
    assert "medication_qa (official): 48 documents made by fake are replaced" in error


def test_a_checkpoint_is_served_for_the_time_of_the_rewriting(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.evaluation.test_privacy import FAKE_VLLM

    fake = tmp_path / "fake"
    fake.mkdir()
    monkeypatch.setenv("FAKE_VLLM", str(fake))
    checkpoint = tmp_path / "ckpt"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    command = ("--vllm-command", f"{sys.executable} {FAKE_VLLM}")
    error = cli("data", "rewrite", "medication_qa", pairs_file(tmp_path), "--model", checkpoint, *command).error
    assert "60 times not one JSON object" in error, "the fake engine answers -1"
    assert (fake / "started").read_text().count("\n") == 1
    logs = list((tmp_path / "no-data" / "restricted" / "answers").rglob("server.log"))
    assert len(logs) == 1
    assert not (tmp_path / "results").exists(), "nothing of a rewriting lies among the results"
