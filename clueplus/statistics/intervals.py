"""A 95% interval of a task's score, with dependent items counted as clusters."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Interval(NamedTuple):
    """A confidence interval in the unit of the score, or the reason why there is none."""

    low: float | None
    high: float | None
    method: str
    reason: str | None = None


def mean_of_means_interval(
    values: NDArray[np.float64], clusters: Sequence[Hashable], confidence: float = 0.95
) -> Interval:
    """An interval for the unweighted mean of component means.

    Each item is linearised: the score's influence function puts the weight n / (K n_k) on an item's deviation from the
    mean of component k, where n_k items have that component. The variance is that of the sums over clusters (the
    sandwich estimator with the m/(m-1) correction). Values that are all 0 or 1 get Wilson's interval with the effective
    sample size that this variance implies, because it stays inside [0, 1] and does not vanish when every item is right;
    other values get Student's t with m - 1 degrees of freedom.

    Args:
        values: (items, components), NaN where an item lacks a component; every component has a value.
        clusters: one label an item; items with one label are dependent.
        confidence: the coverage aimed at.

    Source: Wilson, JASA 22:209, 1927; Korn and Graubard, Survey Methodology 24:193, 1998 (effective sample size).
    """
    labels = {label: number for number, label in enumerate(dict.fromkeys(clusters))}
    if len(labels) < 2:
        return Interval(None, None, "none", "one item or one cluster has no interval")
    present = ~np.isnan(values)
    means = np.nanmean(values, axis=0)
    score = float(means.mean())
    deviations = np.where(present, values - means, 0.0)
    influence = (deviations * (len(values) / (values.shape[1] * present.sum(axis=0)))).sum(axis=1)
    sums = np.bincount([labels[c] for c in clusters], weights=influence)
    m = len(labels)
    variance = float((sums**2).sum() / len(values) ** 2 * m / (m - 1))
    if np.isin(values[present], (0.0, 1.0)).all():
        return _wilson(score, variance, m, confidence)
    from scipy.stats import t

    half = float(t.ppf((1 + confidence) / 2, m - 1)) * math.sqrt(variance)
    return Interval(score - half, score + half, "t, cluster-robust" if m < len(values) else "t")


def _wilson(score: float, variance: float, clusters: int, confidence: float) -> Interval:
    from scipy.stats import norm

    # Without spread the variance says nothing; then each cluster counts as one observation.
    n = score * (1 - score) / variance if variance > 1e-12 and 0 < score < 1 else float(clusters)
    z = float(norm.ppf((1 + confidence) / 2))
    centre = (score + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(score * (1 - score) / n + z * z / (4 * n * n))
    return Interval(max(0.0, centre - half), min(1.0, centre + half), "Wilson, effective n")
