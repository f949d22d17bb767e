"""How far a candidate's column is above a baseline's on the same items, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clueplus.statistics.clusters import Clusters, find_clusters, sandwich_variance
from clueplus.statistics.column import Column, linearise
from clueplus.statistics.mean import NO_COMMON, NOTHING, Evidence, evidence_of_mean, find_common
from clueplus.statistics.pivot import Pivot, Tango

Floats = NDArray[np.float64]


class OneSided(NamedTuple):
    """The two one-sided p values at a shift.

    less: of H0 "the difference is the shift or more"; small when it is less.
    greater: of H0 "the difference is the shift or less"; small when it is greater.
    """

    less: float
    greater: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate less baseline, in the unit of the scores (fractions), None where `reason` says why there is none.

    delta: the difference of the two columns on these items, exactly.
    se: its standard error. Where all clusters agree it is that of the exact interval: half its width over the normal
        quantile, because a standard error of 0 would be certainty.
    df: degrees of freedom of that standard error: the clusters less one, or the clusters off the commonest difference
        where these are fewer.
    low, high: the interval, `lower` and `upper` at half of 1 - confidence each.
    n, clusters: items and clusters with at least one score.
    method: how the interval is made.
    """

    delta: float | None
    se: float | None
    df: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    method: str
    reason: str | None = None
    pivot: Pivot | None = field(default=None, repr=False, compare=False)

    def one_sided_p(self, shift: float = 0.0) -> OneSided | None:
        """The p values of "the difference is `shift` or more" and "or less"; None where there is no interval."""
        if self.pivot is None:
            return None
        return OneSided(self.pivot.p_less(shift), self.pivot.p_greater(shift))

    def two_sided_p(self, shift: float = 0.0) -> float | None:
        """The p value of H0 "the difference is `shift`": twice the smaller one-sided one."""
        p = self.one_sided_p(shift)
        return None if p is None else min(1.0, 2 * min(p))

    def lower(self, alpha: float) -> float | None:
        """The one-sided lower bound: above `shift` exactly when `one_sided_p(shift).greater` is below alpha."""
        return None if self.pivot is None else self.pivot.lower(alpha)

    def upper(self, alpha: float) -> float | None:
        """The one-sided upper bound: below `shift` exactly when `one_sided_p(shift).less` is below alpha."""
        return None if self.pivot is None else self.pivot.upper(alpha)


def make_difference(delta: float, found: Evidence, *, n: int, clusters: int, confidence: float) -> Difference:
    """A difference with the interval of its pivot."""
    se, df, pivot, method = found
    tail = (1 - confidence) / 2
    return Difference(delta, se, df, pivot.lower(tail), pivot.upper(tail), n, clusters, method, pivot=pivot)


def no_difference(delta: float | None, reason: str, *, n: int, clusters: int) -> Difference:
    """A difference without interval, or none at all, and why."""
    return Difference(delta, None, None, None, None, n, clusters, "none", reason)


def paired_difference(
    baseline: Floats, candidate: Floats, clusters: Sequence[Hashable], *, confidence: float = 0.95
) -> Difference:
    """The difference of two columns on the same items, with a cluster-robust interval.

    Each side is linearised with its own missing components (see `column`); an item's influence on the difference is the
    difference of its influences, and the variance is the sandwich over cluster sums. Rows without any score on either
    side do not count. The interval is Tango's where all values are 0 or 1 and both sides have the same components: with
    clusters, at the effective number of pairs and with Student's quantile. Else, and where no cluster differs from
    another, it is that of `mean.evidence_of_mean`.

    Args:
        baseline: (items, components), NaN where this side lacks a component on an item.
        candidate: the same items in the same order.
        clusters: one label an item.
        confidence: of low and high, in (0, 1).

    Raises:
        ValueError: the shapes differ, or there is not one label an item.
    """
    baseline, candidate = np.asarray(baseline, dtype=np.float64), np.asarray(candidate, dtype=np.float64)
    if baseline.ndim != 2 or baseline.shape != candidate.shape or len(clusters) != len(baseline):
        raise ValueError(f"{baseline.shape} against {candidate.shape} with {len(clusters)} cluster labels")
    kept = np.flatnonzero((~np.isnan(baseline) | ~np.isnan(candidate)).any(axis=1))
    baseline, candidate = baseline[kept], candidate[kept]
    groups = find_clusters(clusters[row] for row in kept.tolist())
    size = {"n": len(baseline), "clusters": groups.number}
    if not len(baseline):
        return no_difference(None, "no item has a score", **size)
    if np.isinf(baseline).any() or np.isinf(candidate).any():
        return no_difference(None, "a score is infinite", **size)
    sides = linearise(baseline), linearise(candidate)
    delta = sides[1].score - sides[0].score
    if math.isnan(delta):
        return no_difference(None, _lacking(baseline, candidate), **size)
    if groups.number < 2:
        return no_difference(delta, "one item or one cluster has no interval", **size)
    found = _evidence(baseline, candidate, groups, *sides)
    if found is None:
        return no_difference(delta, "all differences are equal, and scores outside [0, 1] have no exact bounds", **size)
    return make_difference(delta, found, confidence=confidence, **size)


def paired_influence(baseline: Floats, candidate: Floats) -> Floats:
    """What each item adds to the difference of two columns, for a bootstrap or a sign flip: (items,), mean delta.

    Args and missing components as in `paired_difference`; every component has a value on either side.
    """
    first, second = linearise(baseline), linearise(candidate)
    shares: Floats = second.score - first.score + second.influence - first.influence
    return shares


def _lacking(baseline: Floats, candidate: Floats) -> str:
    sides = {"baseline": baseline, "candidate": candidate}
    names = [
        f"{side}'s component {k + 1}" for side, v in sides.items() for k in np.flatnonzero(np.isnan(v).all(axis=0))
    ]
    return f"no value in the {', the '.join(names)}"


def _evidence(baseline: Floats, candidate: Floats, groups: Clusters, first: Column, second: Column) -> Evidence | None:
    same = bool((np.isnan(baseline) == np.isnan(candidate)).all())
    values = np.concatenate([baseline, candidate])
    values = values[~np.isnan(values)]
    limits = (-1.0, 1.0) if ((values >= -NOTHING) & (values <= 1 + NOTHING)).all() else None
    sums = groups.sums(second.influence - first.influence)
    reach = groups.sums((first.reach + second.reach) / 2)
    # Where the sides lack different components, an unchanged item has unlike weights: no difference is common.
    common = find_common(groups.sums(second.share - first.share) / reach) if same else NO_COMMON
    size = float(reach.max() / reach.mean())
    found = evidence_of_mean(second.score - first.score, sums, len(baseline), common, size, limits)
    if found is None or common.at == groups.number or not (same and np.isin(values, (0.0, 1.0)).all()):
        return found
    tango = _tango(candidate - baseline, sums)
    method = "Tango, cluster-robust" if groups.number < len(baseline) else "Tango"
    return found._replace(pivot=tango, method=method) if tango else found


def _tango(pairs: Floats, sums: Floats) -> Tango | None:
    """Tango's pivot for `pairs` (items, components) of -1, 0 and 1 whose influences have these cluster sums.

    None where components are each of one value, so that nothing varies.
    """
    column, m, n = linearise(pairs), len(sums), len(pairs)
    discordance = float(np.nanmean(np.abs(pairs), axis=0).mean())
    # Without clusters the correction m / (m - 1) is undone, so that one component gives Tango's own interval.
    variance = sandwich_variance(sums, n) * (1 if m < n else (m - 1) / m)
    # Clusters that agree by chance are no evidence for more pairs than there are.
    variance = max(variance, column.independent_variance)
    if variance <= NOTHING**2:
        return None
    return Tango(column.score, discordance, (discordance - column.score**2) / variance, m - 1 if m < n else math.inf)
