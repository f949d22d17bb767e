"""MedNLI from the folder that PhysioNet publishes: mli_test_v1.jsonl, mli_train_v1.jsonl, mli_dev_v1.jsonl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clueplus.data.importing import Imported, Rejected, file_hash, need_columns
from clueplus.data.load import import_module
from clueplus.errors import DataError
from clueplus.metrics.labels import NLI

FILES = {"test": "mli_test_v1.jsonl", "train": "mli_train_v1.jsonl", "dev": "mli_dev_v1.jsonl"}
COLUMNS = ["sentence1", "sentence2", "gold_label"]


def read(path: Path) -> Imported:
    """The test file's rows; few-shot examples from the training and the development file.

    Args:
        path: the folder with the three files, or one of them.

    Raises:
        DataError: a file is missing, not UTF-8, or has other columns.
    """
    folder = path if path.is_dir() else path.parent
    task = import_module(Path(__file__).with_name("mednli.py"))
    rejected: list[Rejected] = []
    parts = {part: _documents(folder / name, part, rejected) for part, name in FILES.items()}
    known = {task.fold(document["premise"]) for document in parts["test"]}
    pool = []
    for part in ("train", "dev"):
        for document in parts[part]:
            if task.fold(document["premise"]) in known:
                row = int(document["id"].rpartition("-")[2])
                rejected.append(Rejected(FILES[part], row, "the premise is also in the test set"))
            else:
                pool.append(document)
    splits = {"test": parts["test"], "fewshot": task.shots_first(pool, list(NLI))}
    return Imported(splits, {name: file_hash(folder / name) for name in FILES.values()}, rejected)


def _documents(file: Path, part: str, rejected: list[Rejected]) -> list[dict[str, Any]]:
    documents = []
    for number, row in _rows(file):
        if number == 1 and isinstance(row, dict):
            need_columns(row, COLUMNS, file.name)
        fault = _fault(row)
        if fault:
            rejected.append(Rejected(file.name, number, fault))
            continue
        premise, statement = (" ".join(row[name].split()) for name in COLUMNS[:2])
        common = {"premise": premise, "hypothesis": statement, "labels": list(NLI)}
        documents.append({"id": f"{part}-{number}", **common, "answer": row["gold_label"]})
    return documents


def _rows(file: Path) -> list[tuple[int, Any]]:
    """Each line that is not empty, with its number from 1; None where it is no JSON."""
    try:
        with file.open(encoding="utf-8") as stream:  # not splitlines: a sentence may hold U+2028
            lines = stream.readlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{file.name}: not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise DataError(
            f"{file}: {error.strerror}", fix=f"give the folder that holds {', '.join(FILES.values())}"
        ) from error
    return [(number, _parsed(line)) for number, line in enumerate(lines, start=1) if line.strip()]


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _fault(row: Any) -> str | None:
    if not isinstance(row, dict):
        return "not a JSON object"
    for name in COLUMNS:
        if not isinstance(row.get(name), str) or not row[name].strip():
            return f"no {name}"
    return None if row["gold_label"] in NLI else "gold_label is not one of the three labels"
