"""How a task's components make its column, for clueplus and for stock lm-eval alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

Components = Mapping[str, float | None]


def item_scores(components: Components, *, unscorable: bool, **beside: float | None) -> dict[str, Any]:
    """What `process_results` returns for one item.

    Args:
        components: every declared component of the task, in [0, 1]; None where it does not apply to this item or could
            not be computed.
        unscorable: the answer could not be parsed at all: the model's fault, scored 0 and counted.
        beside: further measures in [0, 1]; None leaves the item out of that measure.

    Returns:
        `score` with all components, for `mean_of_components`, and each number under its own name.
    """
    numbers = {name: value for name, value in {**components, **beside}.items() if value is not None}
    return {"score": dict(components), **numbers, "unscorable": float(unscorable)}


def component_means(items: Iterable[Components]) -> dict[str, float | None]:
    """The mean of each component over the items that have it; None where no item has it."""
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    for item in items:
        for name, value in item.items():
            counts.setdefault(name, 0)
            if value is not None:
                sums[name] = sums.get(name, 0.0) + value
                counts[name] += 1
    return {name: sums[name] / count if count else None for name, count in counts.items()}


def mean_of_components(items: Iterable[Components]) -> float:
    """The task's column: the unweighted mean of its components' means (CLUE's convention), in [0, 1].

    NaN when a component has no value on any item: a mean that lacks a component is not that mean.
    """
    means = list(component_means(items).values())
    if not means or any(value is None for value in means):
        return math.nan
    return sum(value for value in means if value is not None) / len(means)
