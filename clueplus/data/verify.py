"""Checks that the documents built here are those that the task's `stats.json` describes."""

from __future__ import annotations

import json
from typing import Any

from clueplus.data.documents import describe
from clueplus.data.library import Library
from clueplus.data.load import load_splits
from clueplus.errors import DataError
from clueplus.registry import TaskSpec, VariantName


def statistics(spec: TaskSpec, variant: VariantName, library: Library) -> dict[str, Any]:
    """The description of one variant's splits, as `stats.json` holds it under the variant's name."""
    splits = load_splits(spec, variant, library)
    return {"test": describe(splits.test, spec.metadata), "fewshot": describe(splits.fewshot, spec.metadata)}


def verify_task(spec: TaskSpec, variant: VariantName, library: Library) -> str:
    """One line with the numbers of documents, once they equal `stats.json`.

    Raises:
        DataError: files are absent or changed, or the documents differ; the first differing value is named.
    """
    path = spec.folder / "stats.json"
    try:
        expected = json.loads(path.read_text(encoding="utf-8"))[variant]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path}: no statistics of the variant '{variant}'", fix="python tools/write_stats.py"
        ) from error
    found = statistics(spec, variant, library)
    difference = _difference(expected, found, "")
    if difference:
        raise DataError(f"{spec.name} {variant}: {difference}, against {path}")
    return (
        f"{found['test']['documents']} test documents, {found['fewshot']['documents']} few-shot examples, as described"
    )


def _difference(expected: Any, found: Any, where: str) -> str | None:
    """The first difference; the labels of a field, which may be document text, are not shown."""
    if where.endswith(".values"):
        return None if expected == found else f"{where} differ"
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted({*expected, *found}):
            difference = _difference(expected.get(key), found.get(key), f"{where}.{key}" if where else key)
            if difference:
                return difference
        return None
    if expected == found:
        return None
    expected, found = ("several values" if isinstance(value, dict) else value for value in (expected, found))
    return f"{where}: expected {expected}, found {found}"
