"""RRS QA: a question on a radiology report's impression, answered from its findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clueplus.data import task_dataset
from clueplus.metrics.components import item_scores
from clueplus.metrics.exact import exact_match
from clueplus.metrics.observations import observation_pair_f1
from clueplus.metrics.rouge import rouge

dataset = task_dataset(__file__)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """ROUGE-1 F1 of the answer; beside it, exact match, and F1 of the observations where either text has one."""
    prediction, reference = results[0].strip(), doc["answer"]
    return item_scores(
        {"rouge_1": rouge(prediction, reference).rouge_1.f1},
        unscorable=not prediction,
        exact_match=exact_match(prediction, reference),
        observation_f1=observation_pair_f1(prediction, reference),
    )
