"""Question-answer pairs about medicines: the raw workbook (variant open) or rewritten JSON Lines (variant official)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from clueplus.data import hold_out, read_xlsx
from clueplus.data.importing import Imported, Rejected, file_hash
from clueplus.data.json_rows import read_jsonl, text_rows
from clueplus.errors import DataError

SHEET = "DrugQA"
COLUMNS = {"question": "Question", "drug": "Focus (Drug)", "kind": "Question Type", "answer": "Answer"}
SHOT_WORDS = (5, 40)


def read(path: Path) -> Imported:
    """The pairs of a file; a twentieth of the drugs, four or more, is held out as the few-shot pool."""
    found = pairs(path)
    return Imported(held_out(found.documents), found.sources, found.rejected, variant=found.variant)


@dataclass(frozen=True, repr=False)
class Pairs:
    """The pairs of a file in its order, and which variant they are."""

    documents: list[dict[str, Any]]
    sources: dict[str, str]
    rejected: list[Rejected]
    variant: Literal["official", "open"]


def pairs(path: Path) -> Pairs:
    """All pairs of the workbook, or of a file of rewritten ones."""
    variant: Literal["official", "open"]
    sources = {path.name: file_hash(path)}
    if path.suffix.lower() == ".xlsx":
        table = read_xlsx({path.name: path.read_bytes()}, path.name, list(COLUMNS.values()), SHEET)
        variant, rows = "open", [{name: row[column] for name, column in COLUMNS.items()} for row in table]
    elif path.suffix.lower() == ".jsonl":
        variant, rows = "official", read_jsonl(path)
    else:
        raise DataError(
            f"{path.name}: neither .xlsx nor .jsonl",
            fix="give the workbook as upstream publishes it, or rewritten pairs as JSON Lines",
        )
    good, rejected = text_rows(rows, ["question", "answer"], path.name)
    return Pairs(_documents(good, path.name, rejected), sources, rejected, variant)


def held_out(documents: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The pairs as test and few-shot pool."""
    return hold_out(documents, "drug", "question", _shot_order)


def _documents(
    rows: Iterable[tuple[int, Mapping[str, Any]]], file: str, rejected: list[Rejected]
) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for number, row in rows:
        question, answer = row["question"].strip(), row["answer"].strip()
        pair = fold(question), fold(answer)
        if not pair[1]:
            rejected.append(Rejected(file, number, "an answer without a word"))
        elif pair in seen:
            rejected.append(Rejected(file, number, "a pair that was there before"))
        else:
            seen.add(pair)
            drug, kind = (_label(row.get(name)) for name in ("drug", "kind"))
            documents.append(
                # Without a drug, a question asked twice still is one question.
                {
                    "id": f"pair-{number}",
                    "drug": drug or pair[0] or question,
                    "kind": kind,
                    "question": question,
                    "answer": answer,
                }
            )
    return documents


def _label(value: Any) -> str | None:
    """A drug or a kind of question in one spelling; upstream writes some with other case and spaces."""
    return " ".join(value.lower().split()) or None if isinstance(value, str) else None


def fold(text: str) -> str:
    """The words of a text, by which two pairs are one."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def _shot_order(document: Mapping[str, Any]) -> bool:
    """Examples with a short answer first."""
    low, high = SHOT_WORDS
    return not low <= len(document["answer"].split()) <= high
