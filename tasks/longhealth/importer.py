"""LongHealth's `benchmark_v5.json` as items: three tasks, five orders of documents and options, drawn by hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from clueplus.data.draw import drawn_number
from clueplus.data.importing import Imported, Rejected, file_hash
from clueplus.data.json_rows import is_text, read_json, text_rows
from clueplus.data.load import sample_pool
from clueplus.errors import DataError

SEED = "clueplus-longhealth-1"
REPETITIONS = 5
CANNOT = "The documents do not hold the answer."
FIELDS = [f"answer_{letter}" for letter in "abcde"]


def read(path: Path) -> Imported:
    """Every question five times in each task; the few-shot pool, which no prompt shows, is the sample's."""
    patients = read_json(path)
    if not isinstance(patients, dict) or len(patients) < 2 or not all(map(_is_patient, patients.values())):
        raise DataError(
            f"{path.name}: not two patients or more, each with name, birthday, texts and questions",
            fix="give data/benchmark_v5.json as upstream publishes it",
        )
    rejected: list[Rejected] = []
    test = []
    for number, name in enumerate(patients, start=1):
        items = _items(patients, name, f"{path.name} patient {number}", rejected)
        test += sorted(items, key=lambda item: int(item["repetition"]))
    notes = {"seed": SEED, "repetitions": REPETITIONS}
    return Imported({"test": test, "fewshot": sample_pool(__file__)}, {path.name: file_hash(path)}, rejected, notes)


def _items(patients: Mapping[str, Any], name: str, file: str, rejected: list[Rejected]) -> Iterator[dict[str, Any]]:
    patient = patients[name]
    rows, faults = text_rows(patient["questions"], ["question", "correct", *FIELDS], file)
    rejected += faults
    others = {f"{other} {key}": t for other in patients if other != name for key, t in patients[other]["texts"].items()}
    for number, row in rows:
        options = [" ".join(row[field].split()) for field in FIELDS]
        gold, place = " ".join(row["correct"].split()), _place(row, patient["texts"])
        if options.count(gold) != 1:
            rejected.append(Rejected(file, number, "not exactly one option has the correct text"))
            continue
        if not place:
            rejected.append(Rejected(file, number, "no place of the answer: left out of task 2"))
        for repetition in range(1, REPETITIONS + 1):
            purpose = f"{name} {number} {repetition}"
            drawn = _shuffled(options, f"options {purpose}")
            texts = _texts(patient["texts"], others, place, purpose)
            for task in (1, 2, 3) if place else (1, 3):
                yield {
                    "id": f"{name}-{number:02d}-task{task}-{repetition}",
                    "patient": name,
                    "task": task,
                    "repetition": repetition,
                    "about": f"{patient['name']} (born {patient['birthday']})",
                    "documents": [texts[task][key] for key in _shuffled(texts[task], f"order {purpose}")],
                    "question": row["question"].strip(),
                    "options": drawn if task == 1 else [*drawn, CANNOT],
                    "answer": "F" if task == 3 else "ABCDE"[drawn.index(gold)],
                }


def _texts(
    own: Mapping[str, str], others: Mapping[str, str], place: Iterable[str], purpose: str
) -> dict[int, dict[str, str]]:
    """The documents of each task: all own, those with the answer, none; strangers fill up to as many as are own."""
    strangers = _shuffled(others, f"strangers {purpose}")[: len(own)]
    answering = {key: own[key] for key in place}
    mixed = answering | {key: others[key] for key in strangers[: len(own) - len(answering)]}
    return {1: dict(own), 2: mixed, 3: {key: others[key] for key in strangers}}


def _place(row: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    """The texts in which upstream marks the answer."""
    places = row.get("answer_location")
    marked = places.items() if isinstance(places, dict) else ()
    return [key for key, spans in marked if key in texts and isinstance(spans, dict) and spans.get("start")]


def _shuffled(values: Iterable[str], purpose: str) -> list[str]:
    """An order that a hash of the seed gives: the same on every machine and Python version."""
    return sorted(values, key=lambda value: drawn_number(SEED, f"{purpose} {value}"))


def _is_patient(value: Any) -> bool:
    if not isinstance(value, dict) or not is_text(value.get("name")) or not is_text(value.get("birthday")):
        return False
    texts, questions = value.get("texts"), value.get("questions")
    return isinstance(texts, dict) and bool(texts) and all(map(is_text, texts.values())) and isinstance(questions, list)
