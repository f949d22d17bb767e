"""MeDiSumQA's file of letters, questions and answers becomes the documents of `medisumqa`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clueplus.data.importing import Imported, Rejected, file_hash, need_columns
from clueplus.data.rows import clean, read_rows
from clueplus.errors import DataError

COLUMNS = ["discharge_summary", "Question", "Answer"]


def read(path: Path) -> Imported:
    """Reads one CSV, JSON or JSON Lines file; the questions on the shortest letter become the few-shot pool.

    Raises:
        DataError: the file can't be read, or its rows lack a column.
    """
    documents: list[dict[str, Any]] = []
    rejected: list[Rejected] = []
    seen: set[tuple[str, ...]] = set()
    for number, row in _rows(path):
        fault = _fault(row)
        if row is None or fault:
            rejected.append(Rejected(path.name, number, fault or ""))
            continue
        letter, question, answer = (clean(row[name]) for name in COLUMNS)
        if (letter, question, answer) in seen:
            rejected.append(Rejected(path.name, number, "the same as a row before it"))
            continue
        seen.add((letter, question, answer))
        own = hashlib.sha256(letter.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        documents.append(
            {"id": f"row-{number}", "letter_id": own, "letter": letter, "question": question, "answer": answer}
        )
    # One shot is shown, and a letter has some 2,000 words: the shortest one costs the least context.
    shown = min((document["letter"] for document in documents), key=lambda letter: (len(letter), letter), default="")
    splits = {
        "test": [document for document in documents if document["letter"] != shown],
        "fewshot": [document for document in documents if document["letter"] == shown],
    }
    return Imported(splits, {path.name: file_hash(path)}, rejected, {"few-shot": "the shortest letter"})


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
    if not path.is_file():
        raise DataError(f"{path} is a folder", fix="give the file with the questions")
    if ".csv" in path.suffixes:
        yield from read_rows(path, COLUMNS)
        return
    for number, row in enumerate(_json_rows(path), start=1):
        if not isinstance(row, dict):
            raise DataError(f"{path.name}: row {number} is no JSON object")
        need_columns(row, COLUMNS, f"{path.name}: row {number}")
        yield number, row


def _json_rows(path: Path) -> list[Any]:
    """The rows of a JSON list, or of JSON Lines; upstream's tools write the one where they read the other."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if text.lstrip().startswith("["):
            return list(json.loads(text))
        return [json.loads(line) for line in text.split("\n") if line.strip()]  # a letter may hold U+2028
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 (byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: neither CSV, JSON nor JSON Lines", fix="give the file as upstream has it") from error


def _fault(row: Mapping[str, Any] | None) -> str | None:
    if row is None:
        return "another number of cells than the header"
    empty = [name for name in COLUMNS if not isinstance(row[name], str) or not row[name].strip()]
    return f"no {empty[0]}" if empty else None
