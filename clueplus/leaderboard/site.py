"""Everything a site is made of, gathered before the first page is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from clueplus.leaderboard.board import Board, Cell, Row, make_board, trivial_row
from clueplus.leaderboard.facts import Facts
from clueplus.leaderboard.ranking import Ranking
from clueplus.leaderboard.runs import StoredRun
from clueplus.leaderboard.standing import Standing, standings
from clueplus.records.published import PublishedScores
from clueplus.registry import Catalog, TaskSpec, VariantName

BENCHMARK, CORE = "clueplus", "clue"
GROUP_TITLES = {BENCHMARK: "CLUE+", CORE: "CLUE", "clueplus_open": "CLUE+ open data"}


@dataclass(frozen=True)
class Table:
    """A board with the standing of every row on every set of columns, by set and slug.

    `shown` is the set that a reader sees first. `detectable` is, by task, the smallest difference of two rows that a
    test finds with 80% probability.
    """

    board: Board
    standings: Mapping[str, Mapping[str, Standing]]
    shown: str
    detectable: Mapping[str, float]

    @property
    def rows(self) -> list[Row]:
        """The rows in the order of the shown set's averages; rows without one come last."""
        found = self.standings[self.shown]

        def place(row: Row) -> tuple[bool, float, str]:
            value = found[row.slug].average.value
            return value is None, -(value or 0.0), row.name

        return sorted(self.board.rows, key=place)


@dataclass(frozen=True)
class Site:
    """The boards, the tasks in the order of the columns, and the published table."""

    tables: Sequence[Table]
    specs: Sequence[tuple[TaskSpec, str]]
    short: Mapping[str, str]
    published: PublishedScores


def make_site(runs: Sequence[StoredRun], catalog: Catalog, published: PublishedScores) -> Site:
    """The site of some runs.

    Args:
        runs: oldest first.
        catalog: the tasks and groups; tasks beyond CLUE+ get a column once a run has them.
        published: the rows of the paper.
    """
    tables = []
    for variant in get_args(VariantName):
        own = [run for run in runs if run.record.variant == variant]
        if own or published.variant == variant:
            tables.append(_table(variant, own, catalog, published))
    return Site(tables, _specs(runs, catalog), published.columns, published)


def _specs(runs: Iterable[StoredRun], catalog: Catalog) -> list[tuple[TaskSpec, str]]:
    """The tasks of the columns, each with the title of its column group."""
    core, benchmark = catalog.groups[CORE].task, catalog.groups[BENCHMARK].task
    more = sorted({task.name for run in runs for task in run.record.tasks} & catalog.tasks.keys() - set(benchmark))
    named = [(name, "CLUE" if name in core else "CLUE+ additions") for name in benchmark]
    return [(catalog.task(name), group) for name, group in [*named, *((name, "Further tasks") for name in more)]]


def _table(variant: VariantName, runs: Sequence[StoredRun], catalog: Catalog, published: PublishedScores) -> Table:
    specs = _specs(runs, catalog)
    documents = {spec.name: digest for spec, _ in specs if (digest := _declared_documents(spec, variant))}
    columns, rows = make_board(variant, runs, specs, documents)
    if rows:
        rows.append(trivial_row(columns, rows))
    if published.variant == variant:
        rows += _published_rows(published, [column.name for column in columns])
    names = {column.name for column in columns}
    sets = {name: group.task for name, group in catalog.groups.items() if names.issuperset(group.task)}
    order = [name for name in (BENCHMARK, CORE) if name in sets]
    sets = {name: sets[name] for name in [*order, *(sets.keys() - set(order))]}
    board = Board(variant, columns, rows, sets)
    ranking = Ranking([row for row in rows if row.measured], names)
    found = standings(board, ranking)
    ranked = [name for name, own in found.items() if any(standing.rank for standing in own.values())]
    detectable = {name: effect for name in sorted(names) if (effect := ranking.detectable(name)) is not None}
    return Table(board, found, (ranked or list(sets))[0], detectable)


def _declared_documents(spec: TaskSpec, variant: VariantName) -> str | None:
    """The digest of the variant's test documents that the task's `stats.json` declares."""
    try:
        found = json.loads((spec.folder / "stats.json").read_text(encoding="utf-8"))[variant]["test"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None


def _published_rows(published: PublishedScores, columns: Sequence[str]) -> list[Row]:
    rows = []
    for name, scores in published.rows.items():
        cells = {}
        for column in columns:
            value = scores.get(column)
            cells[column] = Cell(value, reason="published, no items" if value is not None else "not published")
        base = published.bases.get(name)
        rows.append(Row(name, "published", Facts(base=base), cells, base=base))
    return rows
