"""MeDiSumQA as CLUE scores it: UMLS F1 is 0 where neither text has a concept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clueplus.metrics.clue2024 import umls_f1
from clueplus.metrics.components import item_scores
from clueplus.metrics.text_scores import text_scores


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """ROUGE-L, -1, -2, BERTScore F1 and CLUE's UMLS F1 of the answer against the reference answer."""
    prediction, reference = results[0].strip(), doc["answer"]
    components = {**text_scores(prediction, reference), "umls_f1": umls_f1(prediction, reference)}
    return item_scores(components, unscorable=not prediction)
