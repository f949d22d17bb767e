"""Every two of many rows tested on the same items: what `paired` and `macro` do for one pair, done for all at once."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clueplus.statistics.binomial import failure_bound
from clueplus.statistics.clusters import find_clusters
from clueplus.statistics.column import linearise

Floats = NDArray[np.float64]
_NOTHING = 1e-9  # as in `paired`: smaller differences are rounding errors


class ClusterSums(NamedTuple):
    """What a paired test needs of one row on one task, a cluster at a time.

    labels: the clusters. influence: what each moves the score by, in the score's unit; sums to 0. mean: its mean value.
    reach: how much it could move the score, beside the others; its mean over items is 1.
    """

    labels: tuple[Hashable, ...]
    influence: Floats
    mean: Floats
    reach: Floats


class Spread(NamedTuple):
    """The variance of every two rows' difference on a task, and its degrees of freedom: (rows, rows) each."""

    variance: Floats
    df: Floats


def cluster_sums(values: Floats, clusters: Sequence[Hashable]) -> ClusterSums | None:
    """The sums of one row on one task; None where a component has no value at all.

    Args:
        values: (items, components), NaN where an item lacks a component.
        clusters: one label an item.
    """
    column = linearise(values)
    if math.isnan(column.score):
        return None
    groups = find_clusters(clusters)
    present = groups.sums((~np.isnan(values)).sum(axis=1).astype(np.float64))
    total = groups.sums(np.nansum(values, axis=1))
    return ClusterSums(
        tuple(dict.fromkeys(clusters)),
        groups.sums(column.influence) / len(values),
        np.divide(total, present, out=np.zeros_like(total), where=present > 0),
        groups.sums(column.reach),
    )


def spread(rows: Sequence[ClusterSums]) -> Spread:
    """The spread of every two rows' difference on one task.

    The variance is the sandwich over the clusters of either row; a cluster that a row lacks moves it by nothing.
    Degrees of freedom are the clusters in which two rows differ, clusters - 1 at most: those in which they agree tell
    little about the spread. Where nothing differs, the variance is that of `pivot.Rare`, because 0 would be certainty.
    """
    if not rows:
        return Spread(np.zeros((0, 0)), np.zeros((0, 0)))
    places: dict[Hashable, int] = {}
    for row in rows:
        for label in row.labels:
            places.setdefault(label, len(places))
    m = len(places)
    influence, mean, reach = (np.zeros((len(rows), m)) for _ in range(3))
    for number, row in enumerate(rows):
        own = [places[label] for label in row.labels]
        influence[number, own], mean[number, own], reach[number, own] = row.influence, row.mean, row.reach
    variance, off = np.zeros((len(rows), len(rows))), np.zeros((len(rows), len(rows)))
    for number in range(len(rows)):
        moved = influence - influence[number]
        variance[number] = np.einsum("ij,ij->i", moved, moved) * m / max(m - 1, 1)
        off[number] = (np.abs(mean - mean[number]) > _NOTHING).sum(axis=1)
    df = np.minimum(m - 1, np.maximum(off, 1.0))
    alike = variance <= _NOTHING**2
    return Spread(np.where(alike, _least_variance(reach, m), variance), np.where(alike, max(m - 1.0, 1.0), df))


def mean_difference_p(scores: Floats, spreads: Sequence[Spread]) -> Floats:
    """Two-sided p values of the difference of every two rows' means over tasks: (rows, rows), 1 on the diagonal.

    Student's t; the variance is the sum of the tasks' over the square of their number, the degrees of freedom are
    Welch's and Satterthwaite's, as in `macro.mean_difference`.

    Args:
        scores: (rows, tasks).
        spreads: one a task.
    """
    from scipy.special import stdtr

    means = scores.mean(axis=1)
    variance = sum((each.variance for each in spreads), np.zeros((len(scores), len(scores))))
    df = variance**2 / sum((each.variance**2 / each.df for each in spreads), np.zeros_like(variance))
    statistic = np.abs(means[:, None] - means[None, :]) * len(spreads) / np.sqrt(variance)
    p: Floats = 2 * stdtr(df, -statistic)
    np.fill_diagonal(p, 1.0)
    return p


def _least_variance(reach: Floats, clusters: int) -> Floats:
    """The variance where two rows agree in all clusters: from the exact bound of a share that was never seen."""
    from scipy.special import ndtri

    both = (reach[:, None, :].max(axis=2) + reach[None, :, :].max(axis=2)) / 2
    size = both / np.maximum((reach.mean(axis=1)[:, None] + reach.mean(axis=1)[None, :]) / 2, _NOTHING)
    se: Floats = np.minimum(1.0, failure_bound(0, clusters, 0.025) * size) / float(ndtri(0.975))
    return se**2
