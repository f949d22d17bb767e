"""MeQSum as CLUE scores it: with the measures of `clueplus-1`; only CLUE's result file is rounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clueplus.metrics.components import item_scores
from clueplus.metrics.text_scores import text_scores


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """ROUGE-L, -1, -2 and BERTScore F1 of the answer against the reference summary."""
    prediction = results[0].strip()
    return item_scores(text_scores(prediction, doc["summary"]), unscorable=not prediction)
