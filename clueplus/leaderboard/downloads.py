"""What a reader takes away: each board as CSV and as JSON, in full precision."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from clueplus.leaderboard.board import Row
from clueplus.leaderboard.site import Table
from clueplus.leaderboard.text import spreadsheet_text

_FACTS = ("base", "parameters", "licence", "weights", "revision")


def downloads(table: Table) -> Iterator[tuple[str, str]]:
    """The files of a board: path under the site's root, and text."""
    variant = table.board.variant
    records = [_record(table, row) for row in table.rows]
    yield f"data/{variant}.json", _json({"variant": variant, "unit": "fraction", "rows": records})
    yield f"data/{variant}.csv", _csv(records)


def _record(table: Table, row: Row) -> dict[str, Any]:
    return {
        "model": row.name,
        "kind": row.kind,
        **{name: getattr(row.facts, name) for name in _FACTS},
        "sets": {name: _standing(table, name, row) for name in table.board.sets},
        "tasks": {
            name: {"score": cell.value, "low": cell.low, "high": cell.high, "n": cell.n, "reason": cell.reason}
            | {"run": cell.run.place if cell.run else None}
            for name, cell in row.cells.items()
        },
    }


def _standing(table: Table, name: str, row: Row) -> dict[str, Any]:
    found = table.standings[name][row.slug]
    return {
        "average": found.average.value,
        "gained": found.gained.value,
        "variation": found.variation.value,
        "rank_best": found.rank.best if found.rank else None,
        "rank_worst": found.rank.worst if found.rank else None,
        "unranked": found.unranked,
    }


def _json(value: Any) -> str:
    # A name from a record may hold half of a surrogate pair, which only escapes can carry.
    return json.dumps(value, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _csv(records: list[dict[str, Any]]) -> str:
    lines = [dict(_flat(record)) for record in records]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(lines[0]) if lines else ["model"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


def _flat(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name.removesuffix('s')}." if not prefix else f"{prefix}{name}.")
        else:
            text = spreadsheet_text(value).encode("utf-8", "replace").decode() if isinstance(value, str) else value
            yield f"{prefix}{name}", text
