"""MedicationQA: a consumer's question about a medicine, answered in few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clueplus.data import task_dataset
from clueplus.metrics.components import item_scores
from clueplus.metrics.rouge import rouge

dataset = task_dataset(__file__)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """ROUGE-1 F1 of the answer against the reference; beside it, ROUGE-1 recall and ROUGE-L F1."""
    prediction = results[0].strip()
    scores = rouge(prediction, doc["answer"])
    return item_scores(
        {"rouge_1": scores.rouge_1.f1},
        unscorable=not prediction,
        rouge_1_recall=scores.rouge_1.recall,
        rouge_l=scores.rouge_l.f1,
    )
