"""From a record, as a reader found it, to a row of the corpus; what is none is told by its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clueplus.data.json_rows import is_text
from clueplus.training.corpora.spec import Kind, Source

EMPTY_OUTPUT = "empty output"
EQUAL = "chosen equals rejected"
# MediFlow's columns beside the texts, as far as they are kept.
_MORE = ("task_type", "input_data", "output_format", "difficulty_level", "error_type")
_SCORES = ("quality", "alignment", "coherence", "realism", "difficulty")

Record = Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Row:
    """One row: its columns as they are written, and its texts.

    `texts` are all that a test text is looked for in; `likeness` is what makes two rows near-duplicates, None where
    rows of that kind have none.
    """

    columns: dict[str, Any]
    texts: tuple[str, ...]
    likeness: str | None


def read_row(kind: Kind, record: Any, source: Source) -> Row | str:
    """The row that a record is, or the reason why it is none."""
    if not isinstance(record, Mapping):
        return "not an object"
    if kind == "documents":
        return _document(record, source)
    row = _instruction(record)
    return _preference(row, record) if kind == "preferences" and isinstance(row, Row) else row


def _document(record: Record, source: Source) -> Row | str:
    text = record.get(source.text)
    if not isinstance(text, str) or not is_text(text):
        return f"no text in '{source.text}'"
    outputs = _outputs(record.get(source.task_data)) if source.task_data else []
    if outputs is None:
        return f"no text or list of texts in '{source.task_data}'"
    return Row({"text": text} | ({"task_data": outputs} if outputs else {}), (text, *outputs), text)


def _outputs(value: Any) -> list[str] | None:
    """Task outputs: a text, a list of texts, or nothing; None is something else."""
    if value is None or value == "" or value == []:
        return []
    values = [value] if isinstance(value, str) else value
    return list(values) if isinstance(values, list) and all(is_text(each) for each in values) else None


def _instruction(record: Record) -> Row | str:
    texts = {name: record.get(name) for name in ("instruction", "input", "output")}
    for name, value in texts.items():
        if value is None and name != "input":
            return f"no '{name}'"
        if not (value is None or value == "" or is_text(value) or (isinstance(value, str) and not value.strip())):
            return f"'{name}' is no text"
    instruction, asked, output = (value or "" for value in texts.values())
    if not output.strip():
        return EMPTY_OUTPUT
    if not (instruction.strip() or asked.strip()):
        return "neither instruction nor input"
    columns = {"instruction": instruction, "input": asked, "output": output, **_others(record)}
    # Several inputs share one instruction, which is longer than they are: it says nothing of likeness.
    return Row(columns, (instruction, asked, output), f"{asked}\n{output}")


def _others(record: Record) -> dict[str, Any]:
    texts = {name: record[name] for name in _MORE if is_text(record.get(name))}
    scores = {name: record[name] for name in _SCORES if _is_number(record.get(name))}
    return {**texts, **scores}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _preference(row: Row, record: Record) -> Row | str:
    rejected = record.get("rejected_output")
    if not isinstance(rejected, str) or (rejected.strip() and not is_text(rejected)):
        return "no 'rejected_output'"
    if not rejected.strip():
        return EMPTY_OUTPUT
    if rejected.strip() == row.columns["output"].strip():
        return EQUAL
    # A rejected output is a slight change of the chosen one, and an input has several: alike is what they should be.
    return Row({**row.columns, "rejected_output": rejected}, (*row.texts, rejected), None)
