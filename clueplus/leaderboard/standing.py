"""What a row is worth on a set of columns: average, #DG and CV over its base, rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clueplus.leaderboard.board import Board, Row
from clueplus.leaderboard.ranking import Rank, Ranking
from clueplus.statistics.summary import Summary, average, datasets_gained, gain_variation

NO_BASE = Summary(None, "no base on this board")


class Standing(NamedTuple):
    """Summaries in [0, 1] (average), in columns (gained) and as a pure number (variation)."""

    average: Summary
    gained: Summary
    variation: Summary
    rank: Rank | None
    unranked: str | None


def standings(board: Board, ranking: Ranking) -> dict[str, dict[str, Standing]]:
    """The standing of every row, by set of columns and slug."""
    measured = [row for row in board.rows if row.measured]
    bases = {row.slug: base_of(row, board.rows) for row in board.rows}
    found = {}
    for name, tasks in board.sets.items():
        ranks = ranking.ranks([row for row in measured if why_unranked(row, tasks) is None], tasks)
        found[name] = {row.slug: _standing(row, bases[row.slug], tasks, ranks.get(row.slug)) for row in board.rows}
    return found


def why_unranked(row: Row, tasks: Sequence[str]) -> str | None:
    """Why a row has no rank; None where it has one."""
    if not row.measured:
        return "no per-item evidence"
    missing = [task for task in tasks if row.cells[task].value is None]
    return f"incomplete: {len(missing)} of {len(tasks)} tasks missing" if missing else None


def base_of(row: Row, rows: Sequence[Row]) -> Row | None:
    """The row that another was made from; a published row's is published, because protocols differ."""
    published = row.kind == "published"
    return next((each for each in rows if each.name == row.base and (each.kind == "published") == published), None)


def _standing(row: Row, base: Row | None, tasks: Sequence[str], rank: Rank | None) -> Standing:
    return Standing(
        average(row.scores, tasks),
        datasets_gained(row.scores, base.scores, tasks) if base else NO_BASE,
        gain_variation(row.scores, base.scores, tasks) if base else NO_BASE,
        rank,
        why_unranked(row, tasks),
    )
