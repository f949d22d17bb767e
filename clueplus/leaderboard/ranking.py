"""Ranks as far as the items tell rows apart: paired tests of every two rows, corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clueplus.leaderboard.board import Row

ALPHA = 0.05


class Rank(NamedTuple):
    """The best and the worst place that the tests leave to a row, counted from 1."""

    best: int
    worst: int

    def __str__(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best}–{self.worst}"


def ranks(rows: Sequence[Row], tasks: Sequence[str]) -> dict[str, Rank]:
    """The rank of each row, by its slug: one row better by a test moves it a place down, one worse bounds it below.

    Args:
        rows: complete rows: each has a score and items in every task.
        tasks: the columns whose unweighted mean is compared.
    """
    if not rows:
        return {}
    better = significantly_better(*macro_tests(rows, tasks))
    count = len(rows)
    return {
        row.slug: Rank(1 + int(better[:, place].sum()), count - int(better[place].sum()))
        for place, row in enumerate(rows)
    }


def macro_tests(rows: Sequence[Row], tasks: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The difference of averages of every two rows, and its two-sided p-value; both (rows, rows).

    A task's difference has the variance of the sums over clusters of the two rows' influences, subtracted cluster by
    cluster: what both rows find hard cancels. Tasks are independent, so the variance of the mean over T tasks is the
    sum of theirs over T squared; Student's t with Welch and Satterthwaite's degrees of freedom. One product of
    matrices a task does all pairs.
    """
    from scipy.stats import t

    averages = np.array([[row.cells[task].value for task in tasks] for row in rows], dtype=np.float64).mean(axis=1)
    difference = averages[:, None] - averages[None, :]
    variance, weight = np.zeros_like(difference), np.zeros_like(difference)
    for task in tasks:
        own, clusters = _task_variance(rows, task)
        variance += own
        weight += own**2 / max(clusters - 1, 1)
    variance /= len(tasks) ** 2
    weight /= len(tasks) ** 4
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.where(weight > 0, variance**2 / weight, 1.0)
        statistic = np.abs(difference) / np.sqrt(variance)
        p = np.asarray(2 * t.sf(statistic, freedom), dtype=np.float64)
    # Rows that answer alike item by item differ by nothing; a difference without any spread has no test.
    return difference, np.where(variance > 0, p, 1.0)


def significantly_better(difference: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether row i is better than row j: Holm's procedure over all pairs, at 5% for the whole board."""
    count = len(p)
    above = np.triu_indices(count, 1)
    order = np.argsort(p[above], kind="stable")
    tests = len(order)
    rejected = np.zeros(tests, dtype=bool)
    passes = p[above][order] <= ALPHA / (tests - np.arange(tests))
    rejected[order[: tests if passes.all() else int(np.argmin(passes))]] = True
    differs = np.zeros((count, count), dtype=bool)
    differs[above] = rejected
    better: NDArray[np.bool_] = (differs | differs.T) & (difference > 0)
    return better


def _task_variance(rows: Sequence[Row], task: str) -> tuple[NDArray[np.float64], int]:
    """The variance of every two rows' difference on a task, and the number of clusters."""
    places: dict[str, int] = {}
    kept = []
    for row in rows:
        items = row.cells[task].items
        assert items is not None, "a ranked row has items"
        kept.append(items)
        for cluster in items.clusters:
            places.setdefault(cluster, len(places))
    matrix = np.zeros((len(rows), len(places)))
    for number, items in enumerate(kept):
        matrix[number, [places[cluster] for cluster in items.clusters]] = items.influence
    product = matrix @ matrix.T
    squares = np.diag(product)
    m = len(places)
    # Rounding of the products must not look like spread.
    raw = np.maximum(squares[:, None] + squares[None, :] - 2 * product, 0.0)
    raw[raw < 1e-12 * (squares[:, None] + squares[None, :])] = 0.0
    return raw * m / max(m - 1, 1), m
