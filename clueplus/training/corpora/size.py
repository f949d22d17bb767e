"""How large what stayed is, by source: counted on the finished file, task data included."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clueplus.training.corpora.tokens import Count

_TEXTS = ("text", "instruction", "input", "output", "rejected_output")


@dataclass
class Size:
    """Of one source; `tokens` is None where none were counted."""

    rows: int = 0
    characters: int = 0
    tokens: int | None = None
    with_task_data: int = 0


def measure(path: Path, count: Count | None) -> dict[str, Size]:
    """The sizes by source.

    Args:
        path: the rows, as JSON Lines.
        count: of the tokens of a text; None for no counts.
    """
    sizes: dict[str, Size] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            size = sizes.setdefault(row["source"], Size(tokens=None if count is None else 0))
            texts = texts_of(row)
            size.rows += 1
            size.characters += sum(map(len, texts))
            size.with_task_data += bool(row.get("task_data"))
            if count is not None and size.tokens is not None:
                size.tokens += sum(map(count, texts))
    return sizes


def texts_of(row: dict[str, Any]) -> list[str]:
    """All texts of a row of a corpus."""
    return [*(row[name] for name in _TEXTS if name in row), *row.get("task_data", [])]
