from pathlib import Path

import pytest

from clueplus.evaluation.shown_answers import shown_answers
from clueplus.evaluation.store import ResponseStore
from clueplus.models import Answer
from clueplus.records.run import Run
from tests.support.runs import make_run

KEY = "a" * 64


def run_with_store(folder: Path, store: str = "../responses.jsonl") -> Run:
    run = make_run({"medec": [1.0]})
    generation = run.record.generation.model_copy(update={"store": store})
    run = run._replace(folder=folder / "run", record=run.record.model_copy(update={"generation": generation}))
    answers = ResponseStore((run.folder / store).resolve())
    answers.path.parent.mkdir(parents=True, exist_ok=True)
    with answers.load().writing():
        answers.append(KEY, Answer("<think>hm</think> 7"))
    return run


def test_an_answer_is_shown_as_it_was_scored(tmp_path: Path) -> None:
    answers = shown_answers(run_with_store(tmp_path))
    assert answers(KEY) == " 7"
    assert answers("b" * 64) is None


@pytest.mark.parametrize("store", ["../../elsewhere/responses.jsonl", "responses.jsonl", "../deep/responses.jsonl"])
def test_only_the_store_beside_the_run_is_read(tmp_path: Path, store: str) -> None:
    assert shown_answers(run_with_store(tmp_path / "results", store))(KEY) is None


def test_without_a_store_or_with_a_broken_one_there_are_no_answers(tmp_path: Path) -> None:
    run = run_with_store(tmp_path)
    (tmp_path / "responses.jsonl").write_text("{}\nnot json\n")
    assert shown_answers(run)(KEY) is None
    (tmp_path / "responses.jsonl").unlink()
    assert shown_answers(run)(KEY) is None
