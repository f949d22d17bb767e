"""ACI-Bench: a visit's conversation becomes a clinical note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clueplus.data import read_csv, task_dataset
from clueplus.metrics.components import item_scores
from clueplus.metrics.rouge import rouge

TESTS = {
    "test1": "aci_bench/clinicalnlp_taskB_test1.csv",
    "test2": "aci_bench/clinicalnlp_taskC_test2.csv",
    "test3": "aci_bench/clef_taskC_test3.csv",
}
TRAIN = "aci_bench/train.csv"
SECTIONS = ("CHIEF COMPLAINT", "HISTORY OF PRESENT ILLNESS", "PHYSICAL EXAM", "RESULTS", "ASSESSMENT AND PLAN")


def build(files: Mapping[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    """Test: the three test sets in order. Few-shot pool: the training set."""
    pool = _documents(files, TRAIN, "train")
    # One shot must show all five sections; the shortest such visit costs the least context.
    complete = [d for d in pool if all(section in d["note"].splitlines() for section in SECTIONS)]
    shown = min(complete, key=lambda d: len(d["dialogue"]) + len(d["note"]))
    test = [document for name, file in TESTS.items() for document in _documents(files, file, name)]
    return {"test": test, "fewshot": [shown] + [d for d in pool if d is not shown]}


dataset = task_dataset(__file__, build)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """ROUGE-1 F1 of the whole note against the doctor's; ROUGE-2 and ROUGE-L beside it."""
    prediction = results[0].strip()
    scores = rouge(prediction, doc["note"])
    return item_scores(
        {"rouge_1": scores.rouge_1.f1}, unscorable=not prediction, rouge_2=scores.rouge_2.f1, rouge_l=scores.rouge_l.f1
    )


def _documents(files: Mapping[str, bytes], file: str, part: str) -> list[dict[str, Any]]:
    return [
        {
            "id": row["encounter_id"],
            "part": part,
            "source": row["dataset"],
            "dialogue": row["dialogue"].replace("\r\n", "\n").strip(),
            "note": row["note"].replace("\r\n", "\n").strip(),
        }
        for row in read_csv(files, file, ["dataset", "encounter_id", "dialogue", "note"])
    ]
