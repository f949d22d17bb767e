"""A model's checkpoints over time, with what the gate decided about each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clueplus.gate.verdict import Status, Verdict
from clueplus.leaderboard.board import Row
from clueplus.leaderboard.index import set_title
from clueplus.leaderboard.runs import StoredRun
from clueplus.leaderboard.site import Table
from clueplus.plots.trend import Point, trend
from clueplus.statistics.summary import average

_MARKS: dict[Status, str] = {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "open", "NOT COMPARABLE": "open"}


def row_history(table: Table, row: Row, verdicts: Sequence[Verdict]) -> dict[str, Any] | None:
    """What the page shows of a row's runs, oldest first; None for a single run that nobody judged.

    Args:
        table: the board.
        row: the model's.
        verdicts: of the gate, oldest first; those about this model's runs are shown beside them.
    """
    judged = {run.place: _verdicts(run, verdicts) for run in row.runs}
    if len(row.runs) < 2 and not any(judged.values()):
        return None
    tasks = table.board.sets[table.shown]
    averages = [average({task.name: task.score.value for task in run.record.tasks}, tasks) for run in row.runs]
    points = [
        Point(
            run.created.strftime("%Y-%m-%d"),
            None if found.value is None else 100 * found.value,
            _MARKS[judged[run.place][-1].status] if judged[run.place] else "none",
            judged[run.place][-1].status if judged[run.place] else "",
        )
        for run, found in zip(row.runs, averages, strict=True)
    ]
    title = f"Average of {row.name} over {set_title(table.shown, len(tasks))}"
    return {
        "plot": trend(points, title=title) if any(point.value is not None for point in points) else "",
        "title": title,
        "runs": [(run, found, judged[run.place]) for run, found in zip(row.runs, averages, strict=True)],
    }


def _verdicts(run: StoredRun, verdicts: Sequence[Verdict]) -> list[Verdict]:
    record = run.record
    return [
        verdict
        for verdict in verdicts
        if (verdict.candidate.model, verdict.candidate.run) == (record.model.name, record.run)
    ]
