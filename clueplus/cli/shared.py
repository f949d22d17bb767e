"""Options that several commands share, and their completion."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from clueplus.records.run import Run


class VariantOption(StrEnum):
    """The data variants, for the command line."""

    official = "official"
    open = "open"
    sample = "sample"


class ScoringOption(StrEnum):
    """The scoring versions, for the command line."""

    ours = "clueplus-1"
    clue = "clue-2024"


def complete_tasks(incomplete: str) -> list[str]:
    """Names of tasks and groups; the last of a comma-separated list is completed."""
    from clueplus.registry import Catalog

    catalog = Catalog()
    done, comma, last = incomplete.rpartition(",")
    return [f"{done}{comma}{name}" for name in [*catalog.groups, *catalog.tasks] if name.startswith(last)]


def complete_models(incomplete: str) -> list[str]:
    """Names of models."""
    from clueplus.registry import Catalog

    return [name for name in Catalog().models if name.startswith(incomplete)]


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]
Mirror = Annotated[
    Path | None,
    typer.Option(
        "--mirror", metavar="DIR", help="Read source files from this folder (default: $CLUEPLUS_DATA_MIRROR)."
    ),
]
TasksDirs = Annotated[
    list[Path] | None,
    typer.Option("--tasks-dir", metavar="DIR", help="A folder with further task folders; repeatable."),
]


VllmCommand = Annotated[
    str,
    typer.Option("--vllm-command", metavar="COMMAND", help="How vLLM is called; it may live in another environment."),
]
EngineArgs = Annotated[
    str, typer.Option("--engine-args", metavar="ARGS", help="Further arguments of vllm serve, quoted as one.")
]


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """The runs, out of the garbage collector's sight: it would look through all their items again and again.

    Raises:
        StoreError: one is not there or is damaged.
    """
    import gc

    from clueplus.records.run import read_run

    runs = [read_run(path) for path in paths]
    gc.freeze()
    return runs


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def split_names(names: list[str]) -> list[str]:
    """`a,b c` as a, b, c."""
    return [part.strip() for name in names for part in name.split(",") if part.strip()]


def print_columns(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows under headings, aligned, on standard output: plain text is quick, and grep and awk can read it."""
    table = [list(headings), *map(list, rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(headings))]
    for row in table:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
