"""Bootstrap intervals by resampling whole clusters, for means and for other functions of sums.

Only sums over clusters are resampled, never items; and a mean needs no resampling at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clueplus.statistics.clusters import find_clusters
from clueplus.statistics.convolution import sum_distribution
from clueplus.statistics.resampling import resampled_sums

Floats = NDArray[np.float64]
Method = Literal["percentile", "bca", "studentised"]
Statistic = Callable[[Floats], Floats]
Tails = tuple[float, float]
Made = tuple[float, float, float] | None
_NOTHING = 1e-12


class BootstrapInterval(NamedTuple):
    """An interval in the unit of the statistic and the bootstrap's standard error; None where `reason` says why.

    resamples, seed: None where nothing was drawn, because the distribution is known.
    """

    estimate: float | None
    low: float | None
    high: float | None
    se: float | None
    clusters: int
    method: str
    resamples: int | None
    seed: int | None
    reason: str | None = None


def cluster_bootstrap(
    values: Floats,
    clusters: Sequence[Hashable],
    statistic: Statistic | None = None,
    *,
    method: Method = "bca",
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> BootstrapInterval:
    """A bootstrap interval of a mean over items, or of a function of sums.

    Percentile and BCa intervals of a mean need no resampling (see `convolution`): they are those of infinitely many
    resamples. With unequal clusters the mean is a ratio; its bootstrap is that of the linearised mean, as in `paired`.

    Args:
        values: (items,) whose mean is wanted, such as `paired_influence`; with a statistic (items, columns).
        clusters: one label an item; items with one label are drawn together.
        statistic: from sums over items (resamples, columns) to numbers (resamples,), such as micro F1 from the sums of
            matched, predicted and gold units; None for the mean.
        method: "percentile"; "bca", bias-corrected and accelerated; "studentised" (bootstrap-t, for means only).
        confidence: the coverage aimed at, in (0, 1).
        resamples: how many, where they are drawn.
        seed: of the generator; equal seeds give equal intervals on any number of cores.

    Raises:
        ValueError: there is not one label an item, or a studentised interval of another statistic is asked for.

    Source: Efron, JASA 82:171, 1987 (BCa); Efron and Tibshirani, An Introduction to the Bootstrap, 1993, sections 12.5,
    13.3, 14.3; Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8 (clusters).
    """
    if len(values) != len(clusters) or (statistic is not None and method == "studentised"):
        raise ValueError(f"{len(values)} items, {len(clusters)} labels, {method}")
    groups = find_clusters(clusters)
    drawn = statistic is not None or method == "studentised"
    settings = (groups.number, method, resamples if drawn else None, seed if drawn else None)
    if not np.isfinite(values).all():
        return BootstrapInterval(None, None, None, None, *settings, "an item has no value")
    if groups.number < 2:
        reason = "one item or one cluster has no interval" if groups.number else "no item has a score"
        return BootstrapInterval(None, None, None, None, *settings, reason)
    tails = (1 - confidence) / 2, (1 + confidence) / 2
    if statistic is None:
        estimate = float(values.mean())
        sums = groups.sums(values - estimate) / len(values)
        made = _studentised(sums, tails, resamples, seed) if drawn else _of_mean(sums, tails, method)
    else:
        sums = np.stack([groups.sums(column) for column in values.T], axis=1)
        estimate = float(statistic(sums.sum(axis=0, keepdims=True))[0])
        made = _of_statistic(statistic, sums, estimate, tails, method, resamples, seed)
    if made is None:
        return BootstrapInterval(estimate, None, None, None, *settings, "the resamples do not vary enough")
    low, high, se = made
    return BootstrapInterval(estimate, estimate + low, estimate + high, se, *settings)


def _of_mean(sums: Floats, tails: Tails, method: Method) -> Made:
    """The interval of a mean less the mean, from cluster sums of its influences, and the standard error."""
    se = math.sqrt(float((sums**2).sum()))
    if se <= _NOTHING:
        return None
    distribution = sum_distribution(sums)
    cut = _bca_tails(distribution.below_zero(), sums, tails) if method == "bca" else tails
    return None if cut is None else (distribution.quantile(cut[0]), distribution.quantile(cut[1]), se)


def _studentised(sums: Floats, tails: Tails, resamples: int, seed: int) -> Made:
    """As `_of_mean`, from resampled means over their own standard errors."""
    m = len(sums)
    se = math.sqrt(float((sums**2).sum()) * m / (m - 1))
    first, second = resampled_sums(np.stack([sums, sums**2], axis=1), resamples, seed).T
    variances = (second - first**2 / m) * m / (m - 1)
    if se <= _NOTHING or variances.min() <= _NOTHING**2:
        return None
    high, low = -se * np.quantile(first / np.sqrt(variances), tails)
    return float(low), float(high), se


def _of_statistic(
    statistic: Statistic, sums: Floats, estimate: float, tails: Tails, method: Method, resamples: int, seed: int
) -> Made:
    drawn = statistic(resampled_sums(sums, resamples, seed)) - estimate
    without = statistic(sums.sum(axis=0) - sums)
    if not (np.isfinite(drawn).all() and np.isfinite(without).all()) or np.ptp(drawn) <= _NOTHING:
        return None
    cut: Tails | None = tails
    if method == "bca":
        cut = _bca_tails(float((drawn < 0).mean() + (drawn <= 0).mean()) / 2, without.mean() - without, tails)
    if cut is None:
        return None
    low, high = np.quantile(drawn, cut)
    return float(low), float(high), float(drawn.std(ddof=1))


def _bca_tails(below: float, leverage: Floats, tails: Tails) -> Tails | None:
    """Where to cut the distribution, of which `below` lies under the estimate: Efron, 1987, (2.3) and (6.6)."""
    from scipy.special import ndtr, ndtri

    bias = ndtri(below)
    acceleration = (leverage**3).sum() / (6 * (leverage**2).sum() ** 1.5)
    z = bias + ndtri(np.array(tails))
    if not np.isfinite(z).all():
        return None
    low, high = ndtr(bias + z / (1 - acceleration * z))
    return float(low), float(high)
