"""A comparison as plain values, for scripts."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from clueplus.comparison.comparison import Comparison
from clueplus.comparison.several import Several
from clueplus.comparison.task import TaskComparison, shown_flips

SCHEMA_VERSION = 1


def as_json(several: Several) -> dict[str, Any]:
    """One document for any number of runs; `baseline` and `candidate` of a pair are places in `runs`.

    Scores and differences are fractions. Flipped items of restricted data are counted and not listed.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "unit": "fraction",
        "runs": [_values(run) for run in several.runs],
        "pairs": [
            {"baseline": a, "candidate": b, **pair_json(pair), "macro_p_holm": several.macro_p[a, b]}
            for (a, b), pair in several.pairs.items()
        ],
    }


def pair_json(comparison: Comparison) -> dict[str, Any]:
    """Everything about two runs but which they were."""
    return {
        "tasks": [_task(task) for task in comparison.tasks],
        "macro": _values(comparison.macro),
        "macro_p": comparison.macro.two_sided_p(),
        "only_baseline": list(comparison.only_baseline),
        "only_candidate": list(comparison.only_candidate),
        "of_the_model": [_values(differing) for differing in comparison.of_the_model],
        "notes": list(comparison.notes),
    }


def _task(task: TaskComparison) -> dict[str, Any]:
    values: dict[str, Any] = _values(task)
    if task.changes:
        values["changes"] |= {
            "flips": len(task.changes.flips),
            "flipped": [_values(flip) for flip in shown_flips(task)],
        }
    return values


def _values(value: Any) -> Any:
    """Our dataclasses and what they hold, as JSON has it."""
    if is_dataclass(value):
        # What does not show in a repr (the pivot of a difference) is how it was made, not what it is.
        return {field.name: _values(getattr(value, field.name)) for field in fields(value) if field.repr}
    if isinstance(value, dict):
        return {key: _values(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_values(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value
