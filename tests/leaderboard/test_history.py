from datetime import UTC, datetime
from pathlib import Path

import pytest

from clueplus.gate.history import append_verdict
from clueplus.gate.verdict import PolicyUse, Side, Status, Verdict
from clueplus.leaderboard.build import Options, build
from clueplus.records.run import Run
from clueplus.registry import Catalog
from tests.support.boards import board_run, write_runs


def verdict(run: Run, status: Status, reason: str) -> Verdict:
    return Verdict(
        status=status,
        exit_code=0,
        created=datetime(2026, 1, 2, tzinfo=UTC),
        clueplus="0.1.0",
        alpha=0.05,
        evidence="paired items",
        baseline=Side(source="base", model="base"),
        candidate=Side(source="x", model=run.record.model.name, run=run.record.run),
        reasons=[reason],
        policy=PolicyUse(source="default", sha256="0", reference="default"),
    )


def model_page(tmp_path: Path, runs: list[Run], verdicts: list[Verdict]) -> str:
    for each in verdicts:
        append_verdict(tmp_path / "gate.jsonl", each)
    history = tmp_path / "gate.jsonl" if verdicts else None
    results = write_runs(tmp_path / "results", *runs)
    build(Options(results, tmp_path / "site", Catalog(), history=history))
    return (tmp_path / "site/models/m.html").read_text()


def checkpoint(number: int) -> Run:
    identity = {"medec": {"weights": str(number)}}
    return board_run("m", 0.4 + 0.1 * number, tasks=["medec"], after=24 * number, model_fields={"identity": identity})


def test_checkpoints_stand_in_order_with_what_the_gate_said(tmp_path: Path) -> None:
    runs = [checkpoint(number) for number in range(3)]
    text = model_page(tmp_path, runs, [verdict(runs[1], "PASS", "all is well"), verdict(runs[2], "FAIL", "medec lost")])
    history = text[text.index("Average of m over") : text.index("Official data</h2>")]
    rows = history.split("<tr>")[2:]
    assert [row[row.index("2026") :][:10] for row in rows] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert ["no verdict" in row for row in rows] == [True, False, False]
    assert "PASS: all is well" in rows[1]
    assert "FAIL: medec lost" in rows[2]


def test_a_verdict_about_another_model_or_run_is_not_shown(tmp_path: Path) -> None:
    runs = [checkpoint(0), checkpoint(1)]
    other = runs[0]._replace(record=runs[0].record.model_copy(update={"run": "another"}))
    text = model_page(
        tmp_path, runs, [verdict(other, "FAIL", "other run"), verdict(board_run("n"), "FAIL", "other model")]
    )
    assert "other run" not in text
    assert "other model" not in text


def test_a_single_run_that_nobody_judged_has_no_history(tmp_path: Path) -> None:
    assert "Average of m over" not in model_page(tmp_path, [checkpoint(0)], [])


@pytest.mark.parametrize("status", ["PASS", "FAIL", "INCONCLUSIVE", "NOT COMPARABLE"])
def test_every_verdict_has_a_mark(tmp_path: Path, status: Status) -> None:
    run = board_run("m")
    assert f"{status}: reason" in model_page(tmp_path, [run], [verdict(run, status, "reason")])
