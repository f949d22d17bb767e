"""MEDEC: find the one wrong sentence of a clinical note, or say that there is none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from clueplus.data import read_csv, task_dataset
from clueplus.errors import DataError
from clueplus.metrics.choice import parse_sentence_id
from clueplus.metrics.components import item_scores

TEST = "medec_ms/MEDEC-MS-TestSet-with-GroundTruth-and-ErrorType.csv"
POOL = "medec_ms/MEDEC-MS-ValidationSet-with-GroundTruth-and-ErrorType.csv"
COLUMNS = ["Text ID", "Sentences", "Error Type", "Error Sentence ID", "Corrected Sentence"]


def build(files: Mapping[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    """Test: the MS test split without its empty rows. Few-shot pool: the MS validation split."""
    pool = _documents(files, POOL)
    # Two shots must show both answers: a short, cleanly split note with an error first, then another one without.
    shown = [_shortest(pool, has_error=True)]
    shown.append(_shortest([d for d in pool if d["case"] != shown[0]["case"]], has_error=False))
    return {"test": _documents(files, TEST), "fewshot": shown + [d for d in pool if d not in shown]}


dataset = task_dataset(__file__, build)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Sentence-ID accuracy; beside it, is there an error at all, and the ID on notes that have one."""
    predicted, truth = parse_sentence_id(results[0]), doc["error_id"]
    correct = float(predicted == truth)
    flag = float(predicted is not None and (predicted >= 0) == (truth >= 0))
    return item_scores(
        {"accuracy": correct},
        unscorable=predicted is None,
        flag_accuracy=flag,
        error_note_accuracy=correct if truth >= 0 else None,
    )


def _documents(files: Mapping[str, bytes], file: str) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = []
    cases: list[tuple[str, list[str]]] = []
    for row in read_csv(files, file, COLUMNS):
        if not row["Text ID"]:  # the withheld rows of another hospital, empty upstream
            continue
        sentences, error_id = _sentences(row["Sentences"]), int(row["Error Sentence ID"])
        if not -1 <= error_id < len(sentences):
            raise DataError(f"{file}: {row['Text ID']}: sentence {error_id} of {len(sentences)}")
        documents.append(
            {
                "id": row["Text ID"],
                "case": _case(row["Text ID"], sentences, cases),
                "sentences": sentences,
                "error_id": error_id,
                "error_type": row["Error Type"] if error_id >= 0 else None,
                "corrected": " ".join(row["Corrected Sentence"].split()) if error_id >= 0 else None,
            }
        )
    return documents


def _case(note: str, sentences: list[str], cases: list[tuple[str, list[str]]]) -> str:
    """The id of the first note with the same first sentence, or with at least half of the shorter one's sentences.

    Most notes come twice, once wrong and once right: the two are one case, and no independent evidence.
    """
    for first, known in cases:
        shared = len(set(sentences) & set(known))
        if sentences[0] == known[0] or 2 * shared >= min(len(set(sentences)), len(set(known))):
            return first
    cases.append((note, sentences))
    return note


def _sentences(numbered: str) -> list[str]:
    """The sentences in the order of their numbers; a line that is not numbered next goes on with the one before."""
    sentences: list[str] = []
    for line in numbered.splitlines():
        match = re.match(r"(\d+)\s+(.*)", line)
        if match and int(match[1]) == len(sentences):
            sentences.append(match[2].strip())
        elif line.strip():
            sentences[-1] += " " + line.strip()
    return sentences


def _shortest(pool: Sequence[dict[str, Any]], *, has_error: bool) -> dict[str, Any]:
    fitting = [d for d in pool if (d["error_id"] >= 0) == has_error and len(d["sentences"]) >= 6]
    fitting = [d for d in fitting if all(_whole(sentence) for sentence in d["sentences"])]
    return min(fitting, key=lambda d: (sum(map(len, d["sentences"])), d["id"]))


def _whole(sentence: str) -> bool:
    """Whether upstream left a sentence in one piece and in one encoding, as far as one can tell."""
    return sentence.isascii() and sentence[0].isupper() and sentence.endswith(".") and len(sentence.split()) >= 4
