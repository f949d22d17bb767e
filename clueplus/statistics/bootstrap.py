"""Bootstrap intervals by resampling whole clusters, for means and for other functions of sums.

Only sums over clusters are resampled, never items: 10,000 resamples of 6,000 clusters are 60 million small numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clueplus.statistics.clusters import find_clusters
from clueplus.statistics.resampling import resampled_sums

Floats = NDArray[np.float64]
Method = Literal["percentile", "bca", "studentised"]


class BootstrapInterval(NamedTuple):
    """An interval in the unit of the statistic and the resamples' standard deviation; None where `reason` says why."""

    estimate: float | None
    low: float | None
    high: float | None
    se: float | None
    clusters: int
    method: str
    resamples: int
    seed: int
    reason: str | None = None


def cluster_bootstrap(
    values: Floats,
    clusters: Sequence[Hashable],
    statistic: Callable[[Floats], Floats] | None = None,
    *,
    method: Method = "bca",
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> BootstrapInterval:
    """A bootstrap interval of a mean over items, or of a function of sums.

    With unequal clusters the mean is a ratio; its resamples are those of the linearised mean, as in `paired`.

    Args:
        values: (items,) whose mean is wanted, such as `paired_influence`; with a statistic (items, columns).
        clusters: one label an item; items with one label are drawn together.
        statistic: from sums over items (resamples, columns) to numbers (resamples,), such as micro F1 from the sums of
            matched, predicted and gold units; None for the mean.
        method: "percentile"; "bca", bias-corrected and accelerated; "studentised" (bootstrap-t, for means only).
        confidence: the coverage aimed at, in (0, 1).
        resamples: how many.
        seed: of the generator; equal seeds give equal intervals on any number of cores.

    Raises:
        ValueError: there is not one label an item, or a studentised interval of another statistic is asked for.

    Source: Efron, JASA 82:171, 1987 (BCa); Efron and Tibshirani, An Introduction to the Bootstrap, 1993, sections 12.5,
    13.3, 14.3; Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8 (clusters).
    """
    if len(values) != len(clusters) or (statistic is not None and method == "studentised"):
        raise ValueError(f"{len(values)} items, {len(clusters)} labels, {method}")
    groups = find_clusters(clusters)
    result = partial(BootstrapInterval, clusters=groups.number, method=method, resamples=resamples, seed=seed)
    if groups.number < 2:
        reason = "no item has a score" if not groups.number else "one item or one cluster has no interval"
        return result(None, None, None, None, reason=reason)
    if statistic is None:
        estimate = float(values.mean())
        sums = groups.sums(values - estimate)[:, None] / len(values)
        drawn, leverage = _drawn_means(sums, method == "studentised", resamples, seed), sums[:, 0]
    else:
        sums = np.stack([groups.sums(column) for column in values.T], axis=1)
        total = sums.sum(axis=0, keepdims=True)
        estimate = float(statistic(total)[0])
        drawn = statistic(resampled_sums(sums, resamples, seed)) - estimate
        without = statistic(total - sums)
        leverage = without.mean() - without
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    bounds = _bounds(drawn, leverage, tails, method)
    if bounds is None:
        return result(estimate, None, None, None, reason="the resamples do not vary enough")
    spread = float(np.sqrt((leverage**2).sum())) if method == "studentised" else float(drawn.std(ddof=1))
    return result(estimate, estimate + bounds[0], estimate + bounds[1], spread)


def _drawn_means(sums: Floats, studentise: bool, resamples: int, seed: int) -> Floats:
    """Resampled means less the mean, or these over their own standard errors."""
    if not studentise:
        return resampled_sums(sums, resamples, seed)[:, 0]
    m = len(sums)
    first, second = resampled_sums(np.hstack([sums, sums**2]), resamples, seed).T
    errors = np.sqrt(np.maximum(0.0, second - first**2 / m) * m / (m - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn: Floats = np.nan_to_num(first / errors, nan=0.0, posinf=np.inf, neginf=-np.inf)
    return drawn


def _bounds(drawn: Floats, leverage: Floats, tails: Floats, method: Method) -> tuple[float, float] | None:
    """The interval less the estimate; None where it does not exist."""
    finite = drawn[np.isfinite(drawn)]
    if len(finite) < len(drawn) or np.ptp(drawn) <= 1e-12:
        return None
    if method == "studentised":
        m = len(leverage)
        se = math.sqrt(float((leverage**2).sum()) * m / (m - 1))
        high, low = -se * np.quantile(drawn, tails)
        return float(low), float(high)
    if method == "bca":
        tails = _bca_tails(drawn, leverage, tails)
        if np.isnan(tails).any():
            return None
    low, high = np.quantile(drawn, tails)
    return float(low), float(high)


def _bca_tails(drawn: Floats, leverage: Floats, tails: Floats) -> Floats:
    """Where to cut the resamples: Efron, 1987, (2.3), with the acceleration of (6.6) from the jackknife."""
    from scipy.special import ndtr, ndtri

    below = ((drawn < 0).mean() + (drawn <= 0).mean()) / 2
    bias = ndtri(below)
    acceleration = (leverage**3).sum() / (6 * (leverage**2).sum() ** 1.5)
    z = bias + ndtri(tails)
    with np.errstate(invalid="ignore"):
        cut: Floats = ndtr(bias + z / (1 - acceleration * z))
    return cut
