"""The front page: the table of every variant, and the numbers that its script works with."""

from __future__ import annotations

from typing import Any, NamedTuple

from clueplus.leaderboard.board import Cell, Row
from clueplus.leaderboard.render import Renderer, percent
from clueplus.leaderboard.site import GROUP_TITLES, Site, Table
from clueplus.leaderboard.standing import Standing, base_of
from clueplus.plots.bar import interval_bar

VARIANT_TITLES = {"official": "Official data", "open": "Open stand-ins", "sample": "Synthetic samples"}


class CellView(NamedTuple):
    """A cell as it is shown."""

    score: str
    detail: str
    bar: str
    reason: str | None


def index_page(renderer: Renderer, site: Site, left_out: int, built: str) -> str:
    """The page.

    Args:
        renderer: of the shipped templates.
        site: what is shown.
        left_out: records that failed validation.
        built: the time of the build.
    """
    return renderer.page(
        "index",
        script="board.js",
        title="CLUE+ leaderboard",
        boards=[_board(table, site) for table in site.tables],
        published=site.published,
        left_out=left_out,
        built=built,
    )


def _board(table: Table, site: Site) -> dict[str, Any]:
    board = table.board
    groups: list[list[Any]] = []
    for column in board.columns:
        if not groups or groups[-1][0] != column.group:
            groups.append([column.group, 0])
        groups[-1][1] += 1
    trivial = next((row for row in board.rows if row.kind == "trivial"), None)
    rows = [(row, table.standings[table.shown][row.slug], _cells(row, trivial)) for row in table.rows]
    return {
        "variant": board.variant,
        "title": VARIANT_TITLES[board.variant],
        "groups": groups,
        "columns": board.columns,
        "short": {column.name: site.short.get(column.name, column.name) for column in board.columns},
        "measured": [entry for entry in rows if entry[0].kind != "published"],
        "published": [entry for entry in rows if entry[0].kind == "published"],
        "shown": table.shown,
        "shown_title": set_title(table.shown, len(board.sets[table.shown])),
        "shown_tasks": set(board.sets[table.shown]),
        "data": board_data(table),
    }


def set_title(name: str, count: int) -> str:
    """The title of a set of columns."""
    return f"{GROUP_TITLES.get(name, name)} ({count})"


def _cells(row: Row, trivial: Row | None) -> list[CellView]:
    return [
        _cell(cell, trivial.cells[name].value if trivial and row is not trivial else None, row.measured)
        for name, cell in row.cells.items()
    ]


def _cell(cell: Cell, mark: float | None, measured: bool) -> CellView:
    if cell.value is None:
        return CellView("–", "", "", cell.reason or "unknown")
    detail = str(cell.n) if cell.n else ""
    if cell.half_width is not None:
        detail = f"±{100 * cell.half_width:.1f} · {cell.n}"
    bar = ""
    if measured:
        scaled = [None if number is None else 100 * number for number in (cell.low, cell.high, mark)]
        bar = interval_bar(100 * cell.value, *scaled)
    return CellView(percent(cell.value), detail, bar, cell.reason)


def board_data(table: Table) -> dict[str, Any]:
    """What the script sorts, filters and recomputes with; scores are fractions in full precision."""
    board = table.board
    names = [column.name for column in board.columns]
    place = {row.slug: number for number, row in enumerate(table.rows)}

    def row_data(row: Row) -> dict[str, Any]:
        base = base_of(row, board.rows)
        facts = row.facts
        return {
            "slug": row.slug,
            "kind": row.kind,
            "scores": [row.cells[name].value for name in names],
            "base": place[base.slug] if base else -1,
            "size": facts.size,
            "open": facts.open_weights,
            "tuned": facts.tuned,
            "from": row.base or "",
            "ranks": [_rank(table.standings[name][row.slug]) for name in board.sets],
        }

    return {
        "variant": board.variant,
        "columns": names,
        "tiers": [column.tier or "" for column in board.columns],
        "sets": [
            {"name": name, "title": set_title(name, len(tasks)), "columns": [names.index(task) for task in tasks]}
            for name, tasks in board.sets.items()
        ],
        "shown": table.shown,
        "rows": [row_data(row) for row in table.rows],
    }


def _rank(standing: Standing) -> list[int] | str:
    return [*standing.rank] if standing.rank else standing.unranked or ""
