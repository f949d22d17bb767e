"""A 95% interval of a task's score, with dependent items counted as clusters."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clueplus.statistics.clusters import find_clusters, sandwich_variance
from clueplus.statistics.column import Column, linearise
from clueplus.statistics.mean import NOTHING, evidence_of_mean, find_common

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A confidence interval in the unit of the score, or the reason why there is none."""

    low: float | None
    high: float | None
    method: str
    reason: str | None = None


def mean_of_means_interval(values: Floats, clusters: Sequence[Hashable], confidence: float = 0.95) -> Interval:
    """An interval for the unweighted mean of component means.

    The score is linearised (see `column`), and its variance is the sandwich over clusters. Values that are all 0 or 1
    get Wilson's interval, because it stays inside [0, 1] and does not vanish when every item is right; with clusters or
    several components, at the effective sample size that the variance implies and, with clusters, with Student's
    quantile. Other values get the interval of `mean.evidence_of_mean`. Items without any value do not count.

    Args:
        values: (items, components), NaN where an item lacks a component; every component has a value.
        clusters: one label an item; items with one label are dependent.
        confidence: the coverage aimed at.

    Source: Wilson, JASA 22:209, 1927; Korn and Graubard, Survey Methodology 24:193, 1998 (effective sample size).
    """
    kept = np.flatnonzero((~np.isnan(values)).any(axis=1))
    values = values[kept]
    groups = find_clusters(clusters[row] for row in kept.tolist())
    if groups.number < 2:
        return Interval(None, None, "none", "one item or one cluster has no interval")
    column = linearise(values)
    sums, present = groups.sums(column.influence), values[~np.isnan(values)]
    if np.isin(present, (0.0, 1.0)).all():
        return _wilson(column, sums, len(values), confidence)
    limits = (0.0, 1.0) if ((present >= -NOTHING) & (present <= 1 + NOTHING)).all() else None
    reach = groups.sums(column.reach)
    common, size = find_common(groups.sums(column.share) / reach), float(reach.max() / reach.mean())
    found = evidence_of_mean(column.score, sums, len(values), common, size, limits)
    if found is None:
        return Interval(None, None, "none", "all values are equal, and values outside [0, 1] have no exact bounds")
    tail = (1 - confidence) / 2
    return Interval(found.pivot.lower(tail), found.pivot.upper(tail), found.method)


def _wilson(column: Column, sums: Floats, items: int, confidence: float) -> Interval:
    from scipy.special import stdtrit

    m, score = len(sums), column.score
    clustered = m < items
    # Without clusters the correction m / (m - 1) is undone, so that one component gives Wilson's own interval.
    variance = sandwich_variance(sums, items) * (1 if clustered else (m - 1) / m)
    # Clusters that agree by chance are no evidence for more items than there are.
    variance = max(variance, column.independent_variance)
    # Without spread the variance says nothing; then each cluster counts as one observation.
    n = score * (1 - score) / variance if variance > NOTHING**2 and 0 < score < 1 else float(m)
    z = -float(stdtrit(m - 1 if clustered else math.inf, (1 - confidence) / 2))
    centre = (score + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(score * (1 - score) / n + z * z / (4 * n * n))
    method = "Wilson, cluster-robust" if clustered else "Wilson"
    return Interval(max(0.0, centre - half), min(1.0, centre + half), method)
