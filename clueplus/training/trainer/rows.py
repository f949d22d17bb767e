"""Documents and rows as corpora leave them: JSON lines, read one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from clueplus.errors import DataError

DOCUMENTS, ROWS = "documents.jsonl", "rows.jsonl"


class Document(NamedTuple):
    """A text to train on, and the task outputs that were written for it."""

    id: str
    text: str
    task_data: tuple[str, ...]

    def has_text(self) -> bool:
        """Whether there is anything to read in it."""
        return bool(self.text.strip())

    def has_both(self) -> bool:
        """Whether it has text and task outputs."""
        return self.has_text() and bool(self.task_data)


class Row(NamedTuple):
    """An instruction with its answer; `rejected` is the worse answer of a preference pair."""

    instruction: str
    input: str
    output: str
    rejected: str | None


def read_documents(corpus: Path) -> Iterator[Document]:
    """The documents of a corpus folder.

    Raises:
        DataError: there is no documents.jsonl, or a line of it is none; it names the line and never its text.
    """
    for number, line in _lines(corpus / DOCUMENTS, "a corpus of documents"):
        text = _text(line, "text", corpus / DOCUMENTS, number)
        outputs = line.get("task_data") or []
        if not isinstance(outputs, list) or not all(isinstance(one, str) for one in outputs):
            raise _broken(corpus / DOCUMENTS, number, "its task_data is no list of texts")
        yield Document(str(line.get("id", number)), text, tuple(one for one in outputs if one.strip()))


def read_rows(folder: Path) -> Iterator[Row]:
    """The instruction or preference rows of a folder.

    Raises:
        DataError: there is no rows.jsonl, or a line of it is none; it names the line and never its text.
    """
    path = folder / ROWS
    for number, line in _lines(path, "a corpus of instructions or preferences"):
        rejected = _text(line, "rejected_output", path, number) if line.get("rejected_output") is not None else None
        yield Row(
            _text(line, "instruction", path, number),
            _text(line, "input", path, number, absent=""),
            _text(line, "output", path, number),
            rejected,
        )


def _lines(path: Path, what: str) -> Iterator[tuple[int, dict[str, Any]]]:
    if not path.is_file():
        raise DataError(f"{path.parent} has no {path.name}", fix=f"give the folder of {what}")
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                found = json.loads(line)
            except ValueError:
                raise _broken(path, number, "it is not JSON") from None
            if not isinstance(found, dict):
                raise _broken(path, number, "it is no JSON object")
            yield number, found


def _text(line: dict[str, Any], key: str, path: Path, number: int, *, absent: str | None = None) -> str:
    found = line.get(key, absent)
    if not isinstance(found, str):
        raise _broken(path, number, f"'{key}' is missing or no text")
    return found


def _broken(path: Path, number: int, reason: str) -> DataError:
    return DataError(f"{path}, line {number}: {reason}", fix="build the corpus again")
