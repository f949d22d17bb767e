"""Precision, recall and F1 from counts, with "there was nothing to find" as a value of its own.

    precision = matched / predicted      recall = matched / gold      f1 = 2 * matched / (predicted + gold)

A ratio whose denominator is 0 is None, not 0 and not 1. So a note without any gold unit has no F1 when nothing was
predicted for it, and 0 when something was. Scored 1.0, as eval4ner does, the notes with nothing to find lift a macro
average by their share, whatever a model can do; scored 0, they punish the only right answer. A mean leaves them out
and says how many. It follows that the macro means of two models may rest on different notes: a model that invents units
has more notes in its mean, each of them 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Counts(NamedTuple):
    """How many units were matched one to one, how many predicted, how many there are in the reference."""

    matched: int
    predicted: int
    gold: int

    @property
    def precision(self) -> float | None:
        """Share of predicted units that match, in [0, 1]; None when nothing was predicted."""
        return self.matched / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        """Share of gold units that are matched, in [0, 1]; None when there is no gold unit."""
        return self.matched / self.gold if self.gold else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall, in [0, 1]; None when there is neither a prediction nor a gold unit.

        0 when only one side has units.
        """
        return 2 * self.matched / (self.predicted + self.gold) if self.predicted or self.gold else None


class Macro(NamedTuple):
    """Unweighted means over notes or labels, each over those that have the value, and how many have an F1.

    `precision` is over those with a prediction and `recall` over those with a gold unit, so `f1` need not lie between.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    scored: int
    empty: int


def micro(counts: Iterable[Counts]) -> Counts:
    """All counts added up: its `f1` weighs each unit the same, `macro` each note or label."""
    parts = list(counts)
    return Counts(sum(c.matched for c in parts), sum(c.predicted for c in parts), sum(c.gold for c in parts))


def macro(counts: Iterable[Counts]) -> Macro:
    """The mean precision, recall and F1 of several counts; None where no part has the value.

    `empty` parts have neither a prediction nor a gold unit and are in none of the means.
    """
    parts = list(counts)
    f1 = [c.f1 for c in parts if c.f1 is not None]
    precision = [c.precision for c in parts if c.precision is not None]
    recall = [c.recall for c in parts if c.recall is not None]
    return Macro(_mean(precision), _mean(recall), _mean(f1), len(f1), len(parts) - len(f1))


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
