"""ProbSum's two CSV files (BioNLP 2023 shared task 1A) become the documents of `pls`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clueplus.data.importing import Imported, Rejected, file_hash
from clueplus.data.rows import clean, read_rows
from clueplus.errors import DataError

TEST, TRAIN = "BioNLP2023-1A-Test.csv", "BioNLP2023-1A-Train.csv"
COLUMNS = ["Subjectives", "Assessment", "Summary"]


def read(path: Path) -> Imported:
    """Reads the folder with both files: all test rows, and the training rows as the few-shot pool.

    Raises:
        DataError: a file or a column is missing.
    """
    files = [path / name for name in (TEST, TRAIN)]
    for file in files:
        if not file.is_file():
            raise DataError(f"no {file.name} in {path}", fix=f"give the folder that holds {TEST} and {TRAIN}")
    rejected: list[Rejected] = []
    test, pool = (_documents(file, rejected) for file in files)
    tested = {_fold(document["assessment"]) for _, document in test}
    fewshot = []
    for number, document in pool:
        if _fold(document["assessment"]) in tested:
            rejected.append(Rejected(TRAIN, number, "its assessment is that of a test note"))
        else:
            fewshot.append(document)
    # The prompts show the first three: notes of ordinary length that have several problems.
    fewshot.sort(key=lambda document: not _ordinary(document))
    splits = {"test": [document for _, document in test], "fewshot": fewshot}
    return Imported(splits, {file.name: file_hash(file) for file in files}, rejected)


def _documents(file: Path, rejected: list[Rejected]) -> list[tuple[int, dict[str, Any]]]:
    """The documents of one file, each with the number of its row."""
    documents = []
    for number, row in read_rows(file, COLUMNS):
        fault = _fault(row)
        if row is None or fault:
            rejected.append(Rejected(file.name, number, fault or ""))
            continue
        document = {
            "id": f"{file.stem}-{number}",
            "subjectives": clean(row["Subjectives"]),
            "assessment": clean(row["Assessment"]),
            "summary": "; ".join(_problems(row["Summary"])),
        }
        documents.append((number, document))
    return documents


def _fault(row: Mapping[str, str] | None) -> str | None:
    if row is None:
        return "another number of cells than the header"
    if not clean(row["Assessment"]):
        return "no assessment"
    return None if _problems(row["Summary"]) else "no summary"


def _problems(summary: str) -> list[str]:
    """The problems that a summary lists; some end with a semicolon, and some have line breaks."""
    return [problem for part in summary.split(";") if (problem := " ".join(part.split()))]


def _ordinary(document: Mapping[str, str]) -> bool:
    words = len(document["subjectives"].split()) + len(document["assessment"].split())
    return 60 <= words <= 300 and ";" in document["summary"]


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
