"""The pages of two rows against each other: differences, a forest plot, items that turned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from clueplus.comparison.comparison import Comparison, compare
from clueplus.comparison.fields import NotComparableError
from clueplus.comparison.task import TaskComparison
from clueplus.leaderboard.board import Board, Row
from clueplus.leaderboard.index import VARIANT_TITLES
from clueplus.leaderboard.render import Renderer
from clueplus.leaderboard.site import Site, Table
from clueplus.leaderboard.standing import base_of
from clueplus.plots import forest
from clueplus.records.run import Run, read_run
from clueplus.statistics.paired import Difference

MOST_PAIRS = 40
MOST_FLIPS = 50


class RowPair(NamedTuple):
    """Two rows of one board; differences are candidate less baseline."""

    baseline: Row
    candidate: Row

    def path(self, variant: str) -> str:
        """The page's place under the site's root."""
        return f"pairs/{variant}--{self.baseline.slug}--{self.candidate.slug}.html"


def choose_pairs(table: Table, most: int = MOST_PAIRS) -> list[RowPair]:
    """The pairs that get a page: all of a small board, else each row against its base and the next one below.

    Rows are taken from the top until there are `most` pairs: 500 rows have 125,000 pairs, and `clueplus compare` makes
    any of them.
    """
    tasks = table.board.sets[table.shown]
    rows = [row for row in table.rows if row.measured and any(row.cells[name].value is not None for name in tasks)]
    every = [RowPair(lower, upper) for place, upper in enumerate(rows) for lower in rows[place + 1 :]]
    if len(every) <= most:
        return every
    chosen = {pair.path(table.board.variant): pair for pair in _neighbours(rows, table.board)}
    return list(chosen.values())[:most]


def _neighbours(rows: list[Row], board: Board) -> Iterator[RowPair]:
    here = {row.slug for row in rows}
    for place, row in enumerate(rows):
        base = base_of(row, board.rows)
        if base and base is not row and base.slug in here:
            yield RowPair(base, row)
        if place + 1 < len(rows):
            yield RowPair(rows[place + 1], row)


class PairPages:
    """Makes the pages of pairs; the runs of a row are read once.

    Args:
        renderer: of the shipped templates.
        site: what is shown.
        built: the time of the build.
    """

    def __init__(self, renderer: Renderer, site: Site, built: str) -> None:
        self._renderer, self._built = renderer, built
        self._chosen = [(table, pair) for table in site.tables for pair in choose_pairs(table)]
        self._runs: dict[tuple[str, str], Run] = {}

    def links(self) -> dict[str, list[tuple[str, str, str]]]:
        """By slug of a model: the other model's name, the variant's title and the path of each page."""
        found: dict[str, list[tuple[str, str, str]]] = {}
        for table, pair in self._chosen:
            title, path = VARIANT_TITLES[table.board.variant], pair.path(table.board.variant)
            found.setdefault(pair.baseline.slug, []).append((pair.candidate.name, title, path))
            found.setdefault(pair.candidate.slug, []).append((pair.baseline.name, title, path))
        return found

    def files(self) -> Iterator[tuple[str, str]]:
        """Each page's path under the site's root, and its text."""
        for table, pair in self._chosen:
            yield pair.path(table.board.variant), self._page(table, pair)

    def _page(self, table: Table, pair: RowPair) -> str:
        found: Comparison | None = None
        refused = None
        try:
            found = compare(self._run(table, pair.baseline), self._run(table, pair.candidate))
        except NotComparableError as error:
            refused = str(error)
        return self._renderer.page(
            "pair",
            root="../",
            title=f"{pair.candidate.name} against {pair.baseline.name}",
            pair=pair,
            variant_title=VARIANT_TITLES[table.board.variant],
            found=found,
            refused=refused,
            plot=_plot(found, pair) if found else "",
            tasks=[_task(task) for task in found.tasks] if found else [],
            built=self._built,
        )

    def _run(self, table: Table, row: Row) -> Run:
        """What fills the row's cells, as one run."""
        key = (table.board.variant, row.slug)
        if key not in self._runs:
            self._runs[key] = assembled(row)
        return self._runs[key]


def assembled(row: Row) -> Run:
    """The runs behind a row's cells as one: of each task the record and the items that the cell shows."""
    filled = {name: cell.run for name, cell in row.cells.items() if cell.run and cell.value is not None}
    newest = max(filled.values(), key=lambda run: run.created)
    read = {folder: read_run(folder) for folder in {stored.folder for stored in filled.values()}}
    tasks, items = [], []
    for name, stored in filled.items():
        run = read[stored.folder]
        tasks += [task for task in run.record.tasks if task.name == name]
        items += [item for item in run.items if item.task == name]
    identity = {name: value for run in read.values() for name, value in run.record.model.identity.items()}
    model = newest.record.model.model_copy(update={"identity": identity})
    return Run(newest.folder, newest.record.model_copy(update={"tasks": tasks, "model": model}), items)


def _plot(found: Comparison, pair: RowPair) -> str:
    def row(label: str, difference: Difference, *, strong: bool = False) -> forest.Row:
        delta, low, high = (
            None if number is None else 100 * number for number in (difference.delta, difference.low, difference.high)
        )
        return forest.Row(label, delta, low, high, strong)

    rows = [row(task.title, task.difference) for task in found.tasks]
    if found.macro.delta is not None:
        rows.append(row("mean of the tasks", found.macro, strong=True))
    return forest.forest(
        rows,
        title=f"{pair.candidate.name} less {pair.baseline.name}",
        unit="points",
        below="worse",
        above="better",
    )


def _task(task: TaskComparison) -> dict[str, Any]:
    """A task's line; of restricted items only counts are shown."""
    flips = task.changes.flips if task.changes else ()
    public = task.tier in ("open", "sample")
    return {
        "task": task,
        "gained": sum(flip.candidate > flip.baseline for flip in flips),
        "lost": sum(flip.candidate < flip.baseline for flip in flips),
        "flips": flips[:MOST_FLIPS] if public else (),
        "more": max(0, len(flips) - MOST_FLIPS) if public else 0,
    }
