"""Ranks as far as the items tell rows apart: paired tests of every two rows, corrected for their number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clueplus.leaderboard.board import Row
from clueplus.statistics.multiplicity import holm
from clueplus.statistics.pairwise import Spread, mean_difference_p, spread
from clueplus.statistics.power import minimum_detectable_effect

ALPHA = 0.05


class Rank(NamedTuple):
    """The best and the worst place that the tests leave to a row, counted from 1."""

    best: int
    worst: int

    def __str__(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best}–{self.worst}"


class Ranking:
    """Ranks rows on sets of tasks; what two rows differ by on a task is worked out once.

    Args:
        rows: measured rows.
        tasks: all tasks that a set may have.
    """

    def __init__(self, rows: Sequence[Row], tasks: Iterable[str]) -> None:
        self._places: dict[str, dict[str, int]] = {}
        self._spreads: dict[str, Spread] = {}
        for task in tasks:
            sums = {row.slug: items.sums for row in rows if (items := row.cells[task].items) and items.sums}
            self._places[task] = {slug: place for place, slug in enumerate(sums)}
            self._spreads[task] = spread(list(sums.values()))

    def ranks(self, rows: Sequence[Row], tasks: Sequence[str]) -> dict[str, Rank]:
        """The rank of each row, by its slug.

        A row's best place is one more than the number of rows that are significantly better; its worst one leaves
        room below for those that are significantly worse.

        Args:
            rows: complete rows: each has a score and items in every task.
            tasks: the columns whose unweighted mean is compared.
        """
        if not rows:
            return {}
        scores = np.array([[row.cells[task].value for task in tasks] for row in rows], dtype=np.float64)
        p = mean_difference_p(scores, [self._spread(task, rows) for task in tasks])
        better = significantly_better(scores.mean(axis=1), p)
        return {
            row.slug: Rank(1 + int(better[:, place].sum()), len(rows) - int(better[place].sum()))
            for place, row in enumerate(rows)
        }

    def detectable(self, task: str) -> float | None:
        """The smallest difference on a task that a test finds with 80% probability, by the median pair of rows."""
        found = self._spreads[task]
        pairs = np.triu_indices(len(found.variance), 1)
        if not len(pairs[0]):
            return None
        return minimum_detectable_effect(
            float(np.sqrt(np.median(found.variance[pairs]))), float(np.median(found.df[pairs]))
        )

    def _spread(self, task: str, rows: Sequence[Row]) -> Spread:
        own = np.ix_(*[[self._places[task][row.slug] for row in rows]] * 2)
        return Spread(self._spreads[task].variance[own], self._spreads[task].df[own])


def significantly_better(means: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether row i is better than row j: Holm's procedure over all pairs, at 5% for the whole table.

    Args:
        means: (rows,) averages.
        p: (rows, rows) two-sided p values.
    """
    above = np.triu_indices(len(means), 1)
    adjusted = np.ones_like(p)
    adjusted[above] = holm([float(value) for value in p[above]])
    adjusted = np.minimum(adjusted, adjusted.T)
    better: NDArray[np.bool_] = (adjusted < ALPHA) & (means[:, None] > means[None, :])
    return better
