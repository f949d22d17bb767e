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
from clueplus.statistics.pivot import Closer, Pivot, Rare, Student, Tango

Floats = NDArray[np.float64]
_NOTHING = 1e-9  # differences of scores that are smaller are rounding errors


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


def make_difference(
    delta: float, se: float, df: float, pivot: Pivot, *, n: int, clusters: int, method: str, confidence: float
) -> Difference:
    """A difference with the interval of its pivot."""
    tail = (1 - confidence) / 2
    low, high = pivot.lower(tail), pivot.upper(tail)
    return Difference(delta, se, df, low, high, n, clusters, method, pivot=pivot)


def no_difference(delta: float | None, reason: str, *, n: int, clusters: int) -> Difference:
    """A difference without interval, or none at all, and why."""
    return Difference(delta, None, None, None, None, n, clusters, "none", reason)


def paired_difference(
    baseline: Floats, candidate: Floats, clusters: Sequence[Hashable], *, confidence: float = 0.95
) -> Difference:
    """The difference of two columns on the same items, with a cluster-robust interval.

    Each side is linearised with its own missing components (see `column`); an item's influence on the difference is the
    difference of its influences, and the variance is the sandwich over cluster sums. Rows without any score on either
    side do not count. The interval is

    * Tango's score interval where all values are 0 or 1 and both sides have the same components; with clusters, at the
      effective number of pairs and with Student's quantile;
    * else Student's t, with as many degrees of freedom as there are clusters off the commonest difference, clusters - 1
      at most, and no wider than the exact binomial bounds of `pivot.Rare`;
    * where all clusters have the same difference, those exact bounds alone. They need scores in [0, 1].

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
    kept = ~(np.isnan(baseline) & np.isnan(candidate)).all(axis=1)
    baseline, candidate = baseline[kept], candidate[kept]
    groups = find_clusters(label for label, keep in zip(clusters, kept, strict=True) if keep)
    size = {"n": len(baseline), "clusters": groups.number}
    if not len(baseline):
        return no_difference(None, "no item has a score", **size)
    sides = linearise(baseline), linearise(candidate)
    delta = sides[1].score - sides[0].score
    if math.isnan(delta):
        return no_difference(None, _lacking(baseline, candidate), **size)
    if groups.number < 2:
        return no_difference(delta, "one item or one cluster has no interval", **size)
    evidence = _Evidence(baseline, candidate, groups, sides)
    made = evidence.interval()
    if made is None:
        return no_difference(delta, "all differences are equal, and scores outside [0, 1] have no exact bounds", **size)
    pivot, method = made
    se, df = evidence.standard_error(pivot)
    return make_difference(delta, se, df, pivot, **size, method=method, confidence=confidence)


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


class _Evidence:
    """What the interval of one paired comparison is chosen by."""

    def __init__(self, baseline: Floats, candidate: Floats, groups: Clusters, sides: tuple[Column, Column]) -> None:
        self.m, self.n = groups.number, len(baseline)
        self.delta = sides[1].score - sides[0].score
        self.variance = sandwich_variance(groups.sums(sides[1].influence - sides[0].influence), self.n)
        self.pairs = candidate - baseline  # NaN unless both sides have the value
        self.same_mask = bool((np.isnan(baseline) == np.isnan(candidate)).all())
        values = np.concatenate([baseline[~np.isnan(baseline)], candidate[~np.isnan(candidate)]])
        self.fractions = bool(((values >= -_NOTHING) & (values <= 1 + _NOTHING)).all())
        self.all_or_nothing = self.same_mask and bool(np.isin(values, (0.0, 1.0)).all())
        reach = groups.sums((sides[0].reach + sides[1].reach) / 2)
        self.rare = _rare(baseline, candidate, groups, float(reach.max() / reach.mean()))
        # A common value tells little about the spread: only clusters off it do.
        self.off = self.rare.below + self.rare.above if self.same_mask else self.m - 1

    def interval(self) -> tuple[Pivot, str] | None:
        """The pivot and the name of the method; None where nothing bounds the difference."""
        if self.same_mask and not self.off:
            return (self.rare, "exact, all differences equal") if self.fractions else None
        suffix = ", cluster-robust" if self.m < self.n else ""
        if self.all_or_nothing:
            return self._tango(), "Tango" + suffix
        if self.variance <= _NOTHING**2:  # clusters that differ inside and agree as wholes
            return (self.rare, "exact, rare differences") if self.fractions else None
        if not self.fractions:
            return Student(self.delta, math.sqrt(self.variance), min(self.m - 1, self.off)), "t" + suffix
        student = Student(self.delta, math.sqrt(self.variance), min(self.m - 1, self.off), -1.0, 1.0)
        return Closer(student, self.rare), "t" + suffix

    def _tango(self) -> Tango:
        discordance = float(np.nanmean(np.abs(self.pairs), axis=0).mean())
        clustered = self.m < self.n
        # Without clusters the correction m / (m - 1) is undone, so that one component gives Tango's own interval.
        variance = self.variance if clustered else self.variance * (self.m - 1) / self.m
        independent = linearise(self.pairs).independent_variance
        variance = max(
            variance, independent
        )  # clusters that agree by chance are no evidence for more pairs than there are
        pairs = (discordance - self.delta**2) / variance if variance > _NOTHING**2 else float(self.m)
        return Tango(self.delta, discordance, pairs, self.m - 1 if clustered else math.inf)

    def standard_error(self, pivot: Pivot) -> tuple[float, float]:
        df = float(min(self.m - 1, max(self.off, 1)))
        if self.variance > _NOTHING**2:
            return math.sqrt(self.variance), df
        from scipy.special import ndtri

        return (pivot.upper(0.025) - pivot.lower(0.025)) / 2 / float(ndtri(0.975)), float(self.m - 1)


def _rare(baseline: Floats, candidate: Floats, groups: Clusters, size: float) -> Rare:
    """The commonest difference of a cluster and how many clusters have another one, to either side."""
    missing = np.isnan(baseline) != np.isnan(candidate)
    raw = np.where(missing, 0.0, np.nan_to_num(candidate - baseline)).sum(axis=1)
    present = groups.sums((~np.isnan(baseline) | ~np.isnan(candidate)).sum(axis=1).astype(np.float64))
    unlike = groups.sums(missing.any(axis=1).astype(np.float64)) > 0
    means = np.round(groups.sums(raw) / present, 9)
    values, counts = np.unique(means[~unlike], return_counts=True)
    # Of several that are as common, none is preferred: the interval must not depend on the direction.
    common = float(values[counts == counts.max()].mean()) if len(values) else 0.0
    below, above = int(((means < common) | unlike).sum()), int(((means > common) | unlike).sum())
    return Rare(common, below, above, groups.number, -1.0, 1.0, size)
