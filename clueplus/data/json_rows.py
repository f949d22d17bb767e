"""JSON that a user holds, read with faults told by place and never by text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clueplus.data.importing import Rejected
from clueplus.errors import DataError


def read_json(path: Path) -> Any:
    """The value of a JSON file.

    Raises:
        DataError: it can't be read, or is not UTF-8 or not JSON.
    """
    text = _text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path.name}: not JSON (line {error.lineno}, column {error.colno})") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path.name}: not JSON") from None


def read_jsonl(path: Path) -> list[Any]:
    """The values of a JSON Lines file, one a line; None where a line is not JSON. Empty lines at the end are none.

    Raises:
        DataError: it can't be read or is not UTF-8.
    """
    # Not splitlines: a value may hold U+2028.
    lines = _text(path).rstrip().split("\n")
    return [_value(line) for line in lines] if lines != [""] else []


def text_rows(rows: list[Any], wanted: list[str], file: str) -> tuple[list[tuple[int, dict[str, Any]]], list[Rejected]]:
    """The rows that are objects with text in every wanted field, with their numbers from 1; the others rejected."""
    good: list[tuple[int, dict[str, Any]]] = []
    rejected: list[Rejected] = []
    for number, row in enumerate(rows, start=1):
        fault = _fault(row, wanted)
        if fault is None:
            good.append((number, row))
        else:
            rejected.append(Rejected(file, number, fault))
    return good, rejected


def is_text(value: Any) -> bool:
    """Whether a value of JSON is text that says something; JSON can spell half a character, a file can't hold it."""
    return isinstance(value, str) and bool(value.strip()) and not any("\ud800" <= c <= "\udfff" for c in value)


def _fault(row: Any, wanted: list[str]) -> str | None:
    if not isinstance(row, dict):
        return "not a JSON object"
    for name in wanted:
        if not is_text(row.get(name)):
            return f"no text in '{name}'"
    return None


def _value(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path.name}: can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name}: not UTF-8 (byte {error.start})") from None
