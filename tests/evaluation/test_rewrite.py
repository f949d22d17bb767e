"""A rewriting of a task in a user's own folder: whatever its code or a model does, one bad row is counted and told."""

import json
from pathlib import Path
from typing import Any

import pytest

from clueplus.data.imported import read_imported
from clueplus.errors import ClueplusError, DataError
from clueplus.evaluation.options import Options
from clueplus.evaluation.rewrite import rewrite
from tests.support.fake_server import fake_server
from tests.support.restricted_task import CANARY, NAME, write_restricted_task
from tests.support.rewriting import prompt_of

REWRITE = """\
from clueplus.data.importing import Rejected, file_hash
from clueplus.data.rewriting import Ask, Judged, Source

PROMPT, MAX_TOKENS = "Is this patient well? {note}", 16
VARIANTS, RAW, HELD = ("official",), "official", "notes.txt"


def read(path):
    lines = path.read_text().splitlines()
    asks = [Ask(PROMPT.format(note=line), {"id": str(n), "note": line}) for n, line in enumerate(lines) if line]
    rejected = [Rejected(path.name, n, "an empty line") for n, line in enumerate(lines, 1) if not line]
    return Source(asks, {path.name: file_hash(path)}, rejected)


def judge(ask, answer):
    if "explode" in answer:
        raise ValueError(f"can't judge {ask.material['note']}: {answer}")
    if answer == "no":
        return Judged(dropped=["no answer"])
    return Judged([{**ask.material, "patient": ask.material["id"], "answer": answer, "ward": "w", "kind": "k"}])


def split(documents):
    good = [document for document in documents if document["answer"] != "again"]
    return {"test": good[2:], "fewshot": good[:2]}, ["the same again"] * (len(documents) - len(good))
"""


class Notes:
    """A reporter that keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.wanted, self.states = 0, 0

    def note(self, text: str) -> None:
        self.notes.append(text)

    def waiting(self, seconds: float) -> None: ...

    def start(self, wanted: int) -> None:
        self.wanted = wanted

    def progress(self, state: Any) -> None:
        self.states += 1

    def finish(self) -> None: ...


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path / "data"))
    write_restricted_task(tmp_path / "tasks", tmp_path / "other")
    (tmp_path / "tasks" / NAME / "rewrite.py").write_text(REWRITE)
    (tmp_path / "notes.txt").write_text("".join(f"{CANARY} note {n}\n" for n in range(30)) + "\n")
    return tmp_path


def made(place: Path, reply: Any, **options: Any) -> tuple[Any, Notes]:
    reporter = Notes()
    with fake_server(reply) as server:
        chosen = Options("fake", base_urls=[server.base_url], tasks_dirs=[place / "tasks"], **options)
        report, _ = rewrite(NAME, place / "notes.txt", chosen, reporter)
    return report, reporter


def test_a_row_that_cannot_be_judged_is_counted_and_its_text_not_told(place: Path) -> None:
    def reply(payload: Any, number: int) -> str:
        return "explode" if " note 7" in prompt_of(payload) else "yes"

    report, reporter = made(place, reply)
    assert report.dropped == {"judging failed: ValueError": 1}
    assert (report.asked, report.kept, report.splits) == (30, 29, {"test": 27, "fewshot": 2})
    assert report.rejected == {"an empty line": 1}
    assert CANARY not in report.model_dump_json() + json.dumps(reporter.notes)
    assert (reporter.wanted, reporter.states) == (30, 30)
    _, manifest = read_imported(place / "data", NAME, "official")
    assert (manifest.made_by, manifest.rejected) == (report.made_by, report.rejected)


def test_what_is_left_out_of_both_splits_is_counted_as_dropped(place: Path) -> None:
    report, _ = made(place, lambda payload, number: "again" if " note 3" in prompt_of(payload) else "yes")
    assert (report.kept, report.dropped) == (29, {"the same again": 1})
    assert report.acceptance == pytest.approx(29 / 30)


def test_what_a_model_thinks_aloud_is_no_part_of_its_answer(place: Path) -> None:
    report, _ = made(place, lambda payload, number: "<think>\nno, or\n</think>yes")
    documents, _ = read_imported(place / "data", NAME, "official")
    assert {json.loads(line)["answer"] for line in documents.read_text().splitlines()} == {"yes"}
    assert report.kept == 30


def test_the_decoding_is_recorded_with_its_seed(place: Path) -> None:
    report, _ = made(place, lambda payload, number: "yes")
    assert report.made_by.decoding == {
        "max_tokens": 16,
        "temperature": 0.0,
        "top_p": 1.0,
        "repetition_penalty": 1.0,
        "stop": [],
        "seed": 1234,
    }
    assert (report.tier, report.variant) == ("restricted", "official")


def test_equal_rows_are_asked_about_once_and_an_example_that_is_in_the_test_is_refused(place: Path) -> None:
    # The first two rows become the few-shot pool, the third the test.
    (place / "notes.txt").write_text(f"{CANARY}\n" * 3 + "".join(f"note {n}\n" for n in range(5)))
    with fake_server(lambda payload, number: "yes") as server:
        options = Options("fake", base_urls=[server.base_url], tasks_dirs=[place / "tasks"])
        with pytest.raises(DataError, match="has the same note as a test document") as caught:
            rewrite(NAME, place / "notes.txt", options, Notes())
        assert len(server.requests) == 6
    assert CANARY not in str(caught.value)
    assert not (place / "data" / "restricted" / NAME).exists(), "what overlaps is not written"


def test_all_refused_in_a_row_stops_early(place: Path) -> None:
    (place / "notes.txt").write_text("".join(f"note {n}\n" for n in range(400)))
    with pytest.raises(ClueplusError, match="requests failed in a row"):
        made(place, lambda payload, number: (400, {"error": {"message": f"no {CANARY}"}}), concurrency=1)


@pytest.mark.parametrize(("kept", "noted"), [(5, True), (6, False)])
def test_below_a_fifth_is_noted(place: Path, kept: int, noted: bool) -> None:
    def reply(payload: Any, number: int) -> str:
        return "yes" if int(prompt_of(payload).rpartition(" ")[2]) < kept else "no"

    report, reporter = made(place, reply)
    assert (report.kept, report.acceptance) == (kept, pytest.approx(kept / 30))
    assert any("of the candidates were kept" in note for note in reporter.notes) == noted
