"""What would settle what is undecided: more items, or more samples an item."""

from __future__ import annotations

from typing import NamedTuple

from clueplus.records.run import TaskRecord
from clueplus.statistics.paired import Difference
from clueplus.statistics.power import Needed, items_for_margin, samples_for_margin


class Advice(NamedTuple):
    """How many items would do it (None where no number would), and the sentence that says so."""

    items: int | None
    text: str


def advise(found: Difference, margin: float, alpha: float, record: TaskRecord, within: float | None) -> Advice | None:
    """How many items, or samples an item, decide with 80% chance if the true difference is what was seen.

    A gain is taken as no difference, so that luck does not make the number small. A loss of the margin or more is
    decided by showing the loss, any other by showing non-inferiority.

    Args:
        found: the difference that was seen.
        margin: a fraction of 1.
        alpha: one-sided.
        record: the candidate's record of the task.
        within: the variance of one sample's difference within an item; None where it is not known.
    """
    if found.delta is None or found.se is None or found.df is None:
        return None
    true = min(0.0, found.delta)
    lost = true <= -margin
    goal = {"margin": 0.0, "true": -true, "alpha": alpha} if lost else {"margin": margin, "true": true, "alpha": alpha}
    items = items_for_margin(found.se, found.n, found.clusters, **goal)
    what = "prove the loss" if lost else "show that no more than the margin was lost"
    seen = (
        "if nothing changed" if true == 0 else f"if the true difference is the {100 * true:+.1f} points that were seen"
    )
    if items.number is None:
        return Advice(None, f"no number of items would {what} {seen}: {items.reason}")
    text = f"about {items.number:,} items would {what} with 80% chance {seen}; {found.n:,} were compared"
    if record.limit is None:
        text += f", and the task has no more; {_samples(found, record, within, goal)}"
    return Advice(items.number, text)


def _samples(found: Difference, record: TaskRecord, within: float | None, goal: dict[str, float]) -> str:
    if within is None:
        return "several samples an item on both sides (--samples, --temperature) may help"
    assert found.se is not None
    assert found.df is not None
    needed: Needed = samples_for_margin(found.se, found.df, found.n, samples=record.samples, within=within, **goal)
    if needed.number is None:
        return f"more samples an item do not help: {needed.reason}"
    return f"{needed.number:,} samples an item instead of {record.samples} would"
