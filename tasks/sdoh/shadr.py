"""SHADR: synthetic sentences with the social determinants that each tells about; no words are marked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from clueplus.errors import DataError

COLUMNS = ["original_sentence", "label", "demographic", "demographic_inserted", "adverse"]


def sentences(rows: Iterable[Mapping[str, str]], key: Callable[[str, str], str]) -> list[dict[str, Any]]:
    """One document for each different sentence, in the order of the rows; `key` makes a span's label."""
    documents: dict[str, dict[str, Any]] = {}
    cases: list[tuple[str, set[str]]] = []
    for number, row in enumerate(rows, start=1):
        document = _sentence(number, row, cases, key)
        documents.setdefault(document["note"], document)  # five sentences come twice
    return list(documents.values())


def _sentence(
    number: int, row: Mapping[str, str], cases: list[tuple[str, set[str]]], key: Callable[[str, str], str]
) -> dict[str, Any]:
    # The original sentence lacks its function words; the one with a demographic group in it is the one that was judged.
    note = " ".join(row["demographic_inserted"].split())
    entities = [] if row["label"] == "<NO_SDOH>" else row["label"].split(",")
    labels = row["adverse"].split(",") if row["adverse"] else []
    if len(entities) != len(labels):
        raise DataError(f"SHADR: row {number}: {len(entities)} labels with {len(labels)} judgements")
    pairs = sorted((entity.capitalize(), label) for entity, label in zip(entities, labels, strict=True))
    answer = [{"entity": entity, "label": label} for entity, label in pairs]
    return {
        "id": f"shadr-{number}",
        "note": note,
        "scope": "sentence",
        "spans": json.dumps([[0, len(note), key(*pair)] for pair in pairs]),
        "answer": json.dumps(answer),
        "group": row["demographic"].split()[0],
        "case": _case(f"shadr-{number}", row["original_sentence"], cases),
    }


def _case(number: str, sentence: str, cases: list[tuple[str, set[str]]]) -> str:
    """The id of the first sentence that shares half of the shorter one's words: upstream varies its sentences."""
    words = set(re.findall(r"\w+", sentence.lower()))
    for first, known in cases:
        if 2 * len(words & known) >= min(len(words), len(known)):
            return first
    cases.append((number, words))
    return number
