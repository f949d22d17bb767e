"""MeDiSumQA: a patient's question about their discharge letter is answered in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clueplus.data import task_dataset
from clueplus.metrics.bertscore import bertscore_f1
from clueplus.metrics.components import item_scores
from clueplus.metrics.concepts import umls_f1
from clueplus.metrics.rouge import rouge


def build(files: Mapping[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    """Nothing: no variant is built from sources. The letters are imported by whoever holds them."""
    return {"test": [], "fewshot": []}


dataset = task_dataset(__file__, build)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """ROUGE-L, -1, -2, BERTScore F1 and UMLS F1 of the answer against the reference answer."""
    prediction, reference = results[0].strip(), doc["answer"]
    scores = rouge(prediction, reference)
    components = {
        "rouge_l": scores.rouge_l.f1,
        "rouge_1": scores.rouge_1.f1,
        "rouge_2": scores.rouge_2.f1,
        "bertscore_f1": bertscore_f1(prediction, reference),
        "umls_f1": umls_f1(prediction, reference),
    }
    return item_scores(components, unscorable=not prediction)
