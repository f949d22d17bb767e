from pathlib import Path
from typing import Any

import pytest

from clueplus.leaderboard.board import Cell, Row, make_board, trivial_row
from clueplus.leaderboard.runs import collect
from clueplus.records.run import Measure, Run
from clueplus.registry import Catalog
from tests.support.boards import board_run, write_runs

SPECS = [(Catalog().task(name), "group") for name in ("medec", "icd10cm", "sdoh")]


@pytest.fixture
def board(tmp_path: Path) -> Any:
    def make(*runs: Run, documents: dict[str, str] | None = None, variant: Any = "official") -> dict[str, Row]:
        write_runs(tmp_path, *runs)
        found, rejected = collect(tmp_path)
        assert rejected == []
        columns, rows = make_board(variant, found, SPECS, documents or {})
        return {row.name: row for row in [*rows, trivial_row(columns, rows)]}

    return make


def one(name: str = "m", skill: float = 0.5, **fields: Any) -> Run:
    return board_run(name, skill, **{"tasks": ["medec"], **fields})


def test_a_cell_has_the_score_the_interval_and_the_items(board: Any) -> None:
    run = one()
    cell: Cell = board(run)["m"].cells["medec"]
    score = run.record.tasks[0].score
    assert (cell.value, cell.low, cell.high, cell.n, cell.reason) == (score.value, score.low, score.high, 40, None)
    assert cell.half_width == pytest.approx((score.high - score.low) / 2)
    assert cell.items is not None


def test_the_newest_of_two_runs_counts(board: Any) -> None:
    old, new = one(skill=0.2), one(skill=0.8, after=1, seed=2)
    row = board(new, old)["m"]
    assert row.cells["medec"].value == new.record.tasks[0].score.value
    assert [run.record.created for run in row.runs] == [old.record.created, new.record.created]


def test_runs_of_one_checkpoint_fill_a_row_together(board: Any) -> None:
    cells = board(one(), one(tasks=["icd10cm"], after=1))["m"].cells
    assert cells["medec"].value is not None
    assert cells["icd10cm"].value is not None
    assert cells["sdoh"].reason == "not run"


def test_another_checkpoint_of_the_name_replaces_the_row(board: Any) -> None:
    identity = {"icd10cm": {"weights": "others"}}
    cells = board(one(), one(tasks=["icd10cm"], after=1, model_fields={"identity": identity}))["m"].cells
    assert cells["medec"].reason == "not run"
    assert cells["icd10cm"].value is not None


def test_a_part_of_a_task_counts_for_nothing_and_hides_no_whole(board: Any) -> None:
    part = one(skill=1.0, after=1, task_fields={"limit": 20}, model_fields={"identity": {"medec": {"weights": "new"}}})
    rows = board(one(), part, one("other", task_fields={"limit": 20}))
    assert rows["m"].cells["medec"].value == one().record.tasks[0].score.value
    assert rows["other"].cells["medec"].reason == "only the first 20 documents"


def test_an_incomplete_run_makes_no_row(board: Any) -> None:
    assert "m" not in board(one(status="incomplete", reason="many failed"))


def test_a_run_of_another_variant_makes_no_row(board: Any) -> None:
    assert "m" not in board(one(variant="sample"))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"version": 99}, "another version of the task"),
        ({"shots": 9}, "another number of shots"),
        ({"decoding": {"temperature": 0.7}}, "another temperature"),
        ({"metric_models": {"bertscore": "x"}}, "another metric model"),
        ({"scoring": "clue-2024"}, "scored with clue-2024"),
        ({"score": Measure(value=None, n=40, reason="bertscore_f1: no model")}, "bertscore_f1: no model"),
    ],
)
def test_a_score_made_otherwise_does_not_stand_in_the_column(board: Any, fields: Any, reason: str) -> None:
    rows = board(one("a"), one("b"), one("odd", task_fields=fields))
    assert rows["odd"].cells["medec"].reason == reason
    assert rows["odd"].cells["medec"].value is None
    assert rows["a"].cells["medec"].value is not None


def other_documents(run: Run) -> Run:
    (task,) = run.record.tasks
    data = task.data.model_copy(update={"documents": {"test": "others"}})
    return run._replace(record=run.record.model_copy(update={"tasks": [task.model_copy(update={"data": data})]}))


def test_documents_that_most_rows_have_make_the_column(board: Any) -> None:
    rows = board(one("a"), one("b"), other_documents(one("odd", after=5)))
    assert rows["odd"].cells["medec"].reason == "other documents"


def test_declared_documents_win_over_what_most_rows_have(board: Any) -> None:
    rows = board(one("a"), one("b"), other_documents(one("right")), documents={"medec": "others"})
    assert rows["right"].cells["medec"].value is not None
    assert rows["a"].cells["medec"].reason == "other documents"


def test_of_documents_that_are_as_frequent_the_newest_count(board: Any) -> None:
    rows = board(one("old"), other_documents(one("new", after=5)))
    assert rows["new"].cells["medec"].value is not None


def test_a_variant_that_the_task_lacks_is_the_reason(board: Any) -> None:
    rows = board(one(variant="open"), variant="open")
    assert rows["m"].cells["medec"].reason == "the task has no open data"


def test_the_trivial_row_has_what_the_records_of_the_column_measured(board: Any) -> None:
    trivial = board(one())["trivial baselines"]
    assert trivial.cells["medec"].value == 0.2
    assert trivial.cells["icd10cm"].reason == "no record has it"
    assert not trivial.measured


def test_a_published_row_may_be_called_like_a_measured_one() -> None:
    rows = [Row("mediphi", kind, None, {}) for kind in ("model", "published", "trivial")]  # type: ignore[arg-type]
    assert len({row.slug for row in rows}) == 3
