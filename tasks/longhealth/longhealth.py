"""LongHealth: a multiple-choice question on long patient files, with or without the answer in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clueplus.data import task_dataset
from clueplus.metrics.choice import parse_option
from clueplus.metrics.components import item_scores

TASKS = (1, 2, 3)
CANNOT = "F"


dataset = task_dataset(__file__)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Accuracy of the chosen letter under the item's task; beside it, whether task 2 was answered other than with F."""
    chosen = parse_option(results[0], doc["options"])
    correct = float(chosen == doc["answer"])
    return item_scores(
        {f"accuracy_task{task}": correct if task == doc["task"] else None for task in TASKS},
        unscorable=chosen is None,
        attempted_task2=float(chosen is not None and chosen != CANNOT) if doc["task"] == 2 else None,
    )
