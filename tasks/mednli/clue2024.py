"""MedNLI as CLUE scores it: the label found exactly once, and the first item counted twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clueplus.metrics.clue2024 import first_twice, mednli_is_correct
from clueplus.metrics.components import item_scores

counted = first_twice


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Whether the gold label occurs exactly once; unscorable is what has no label in it at all."""
    named = any(label.upper() in results[0].upper() for label in doc["labels"])
    return item_scores({"accuracy": float(mednli_is_correct(results[0], doc["answer"]))}, unscorable=not named)
