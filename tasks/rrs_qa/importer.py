"""Question-answer pairs on impressions: made by a model (JSON Lines, official) or by rules (indiana_dev.json, open)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clueplus.data import hold_out
from clueplus.data.importing import Imported, Rejected, file_hash
from clueplus.data.json_rows import read_json, read_jsonl, text_rows
from clueplus.errors import DataError
from clueplus.metrics.observations import NO_FINDING, observation_labels

RULES = "clueplus-rrs-qa-1"
# What the rules ask about; the boilerplate of normal reports is left out, or it would be half of all pairs.
ASKED = {
    "Enlarged Cardiomediastinum": "the mediastinum",
    "Cardiomegaly": "the heart size",
    "Lung Opacity": "lung opacities",
    "Lung Lesion": "nodules or masses",
    "Edema": "edema or congestion",
    "Consolidation": "consolidation",
    "Pneumonia": "pneumonia",
    "Atelectasis": "atelectasis",
    "Pneumothorax": "pneumothorax",
    "Pleural Effusion": "pleural effusion",
    "Pleural Other": "the pleura",
    "Fracture": "fractures",
    "Support Devices": "lines, tubes and devices",
}
MOST_WORDS = 30
_GAP = re.compile(r"(?<=[.!?;])\s+|\n")
_TRIM = re.compile(r"^\W+|[\s.;:,]+$")
_BLANK = re.compile("_{2,}")
_FIELDS = ["study_id", "findings", "impression"]


def read(path: Path) -> Imported:
    """The pairs of a file; a twentieth of the studies, four or more, is held out as the few-shot pool."""
    source = {path.name: file_hash(path)}
    if path.suffix.lower() == ".jsonl":
        good, rejected = text_rows(
            list(map(_with_text_id, read_jsonl(path))), [*_FIELDS, "question", "answer"], path.name
        )
        documents = list(_given(good, path.name, rejected))
        return Imported(held_out(documents), source, rejected, variant="official")
    if path.suffix.lower() == ".json":
        good, rejected = reports(path)
        return Imported(held_out(list(_derived(good))), source, rejected, {"rules": RULES}, "open")
    raise DataError(f"{path.name}: neither .jsonl nor .json", fix="give pairs as JSON Lines, or indiana_dev.json")


def reports(path: Path) -> tuple[list[tuple[int, dict[str, Any]]], list[Rejected]]:
    """The reports of a file that have findings and an impression, with their numbers; the others rejected."""
    rows = read_json(path)
    if not isinstance(rows, list):
        raise DataError(f"{path.name}: not a list of reports", fix="give indiana_dev.json as upstream publishes it")
    return text_rows(list(map(_with_text_id, rows)), _FIELDS, path.name)


def _with_text_id(row: Any) -> Any:
    """MIMIC-CXR numbers its studies, Indiana's numbers are text."""
    number = row.get("study_id") if isinstance(row, dict) else None
    return {**row, "study_id": str(number)} if isinstance(number, int) else row


def _given(rows: list[tuple[int, dict[str, Any]]], file: str, rejected: list[Rejected]) -> Iterator[dict[str, Any]]:
    """The pairs whose answer stands in the impression word for word."""
    for number, row in rows:
        fault = answer_fault(row["answer"].strip(), row["impression"])
        if fault is None:
            yield document(str(number), row, None, row["question"].strip(), row["answer"].strip())
        else:
            rejected.append(Rejected(file, number, fault))


def answer_fault(answer: str, impression: str) -> str | None:
    """Why an answer is none: it is no exact substring of the impression, or says nothing."""
    if answer not in impression:
        return "an answer that is not in the impression"
    return None if re.search("[A-Za-z0-9]", answer) else "an answer without a word"


def _derived(rows: list[tuple[int, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """One pair for each observation that one sentence of the impression alone names, and the findings too."""
    for number, row in rows:
        sentences = [_TRIM.sub("", piece) for piece in _GAP.split(row["impression"])]
        labels = {sentence: set(observation_labels(sentence)) - {NO_FINDING} for sentence in sentences if sentence}
        seen = observation_labels(row["findings"])
        for name, asked in ASKED.items():
            holders = [sentence for sentence in sentences if name in labels.get(sentence, ())]
            if name in seen and len(holders) == 1 and _can_answer(holders[0]):
                name_in_id = name.lower().replace(" ", "-")
                yield document(
                    f"{number}-{name_in_id}", row, name, f"What does the impression say about {asked}?", holders[0]
                )


def _can_answer(sentence: str) -> bool:
    """No blank, and no paragraph."""
    return not has_blank(sentence) and len(sentence.split()) <= MOST_WORDS


def has_blank(text: str) -> bool:
    """Whether upstream blanked a word of a text."""
    return _BLANK.search(text) is not None


def document(name: str, row: Mapping[str, Any], kind: str | None, question: str, answer: str) -> dict[str, Any]:
    """One question on a report; `name` is its own among all reports of the file."""
    return {
        "id": f"report-{name}",
        "study": row["study_id"],
        "kind": kind,
        "findings": row["findings"].strip(),
        "question": question,
        "answer": answer,
    }


def held_out(documents: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The pairs as test and few-shot pool."""
    # The first pair of each report comes first, so that the shots are of three reports; short ones before long ones.
    pairs: Counter[str] = Counter()
    turn: dict[str, int] = {}
    for each in documents:
        turn[each["id"]] = pairs[each["study"]]
        pairs[each["study"]] += 1
    return hold_out(documents, "study", "findings", lambda d: (turn[d["id"]], not _is_short(d["findings"])))


def _is_short(findings: str) -> bool:
    return 15 <= len(findings.split()) <= 60
