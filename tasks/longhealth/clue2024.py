"""LongHealth as CLUE scores it: one exact phrase is an answer, and the gold letter is found by substring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clueplus.data.load import import_module
from clueplus.metrics.clue2024 import longhealth_choice, longhealth_gold
from clueplus.metrics.components import item_scores

LETTERS = "ABCDEF"
TASKS = import_module(Path(__file__).with_name("longhealth.py")).TASKS


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Accuracy of the letter in "The correct answer is B:" under the item's task.

    The prompt here asks for a bare letter, which is no answer to CLUE: what is scored must come from a model that
    writes the phrase.
    """
    gold = longhealth_gold(
        dict(zip(LETTERS, doc["options"], strict=False)), doc["options"][LETTERS.index(doc["answer"])]
    )
    chosen = longhealth_choice(results[0])
    correct = float(chosen is not None and chosen == gold)
    components = {f"accuracy_task{task}": correct if task == doc["task"] else None for task in TASKS}
    return item_scores(components, unscorable=chosen is None)
