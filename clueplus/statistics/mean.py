"""The pivot of a mean over clusters, for scores between known limits and for others."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clueplus.statistics.clusters import sandwich_variance
from clueplus.statistics.pivot import Closer, Pivot, Rare, Student

Floats = NDArray[np.float64]
NOTHING = 1e-9  # scores that differ by less differ by rounding


class Evidence(NamedTuple):
    """What is known of a mean: its standard error, degrees of freedom, pivot, and how the pivot was made."""

    se: float
    df: float
    pivot: Pivot
    method: str


class Common(NamedTuple):
    """The commonest value among cluster means, and how many clusters lie below, at and above it."""

    value: float
    below: int
    at: int
    above: int


NO_COMMON = Common(math.nan, 0, 1, 0)


def find_common(means: Floats) -> Common:
    """The commonest of `means` (clusters,)."""
    means = np.round(means, 9)
    values, counts = np.unique(means, return_counts=True)
    value, at = float(values[counts.argmax()]), int(counts.max())
    return Common(value, int((means < value).sum()), at, int((means > value).sum()))


def evidence_of_mean(
    estimate: float, sums: Floats, items: int, common: Common, size: float, limits: tuple[float, float] | None
) -> Evidence | None:
    """The evidence of a mean over `items` items in two clusters or more; None where nothing bounds it.

    * Student's t with Hall's correction for skewness, with as many degrees of freedom as there are clusters off the
      commonest value, because only they tell how values spread, and clusters - 1 at most;
    * where most clusters have one value, no wider than the exact binomial bounds of `pivot.Rare`;
    * where all or all but one have, or where they vary inside and agree as wholes, those bounds alone: one deviation
      does not tell how large others are. The standard error is then half the width of the 95% interval over the normal
      quantile, because 0 would be certainty.

    Args:
        estimate: the mean.
        sums: (clusters,) sums of the items' influences, which add to 0.
        items: how many.
        common: of the cluster means.
        size: of the largest cluster over the mean size.
        limits: between which each cluster's mean must lie; None where nothing is known.
    """
    m = len(sums)
    se = math.sqrt(sandwich_variance(sums, items))
    rare = Rare(common.value, common.below, common.above, m, *limits, size) if limits and common.at > m / 2 else None
    if limits and se <= NOTHING and not rare:
        rare = Rare(estimate, 0, 0, m, *limits, size)
    if rare and (se <= NOTHING or m - common.at < 2):
        from scipy.special import ndtri

        half = (rare.upper(0.025) - rare.lower(0.025)) / 2
        return Evidence(half / float(ndtri(0.975)), m - 1.0, rare, "exact binomial")
    if se <= NOTHING:
        return None
    df = float(min(m - 1, max(1, m - common.at)))
    skewness = float((sums**3).sum()) / float((sums**2).sum()) ** 1.5
    student = Student(estimate, se, df, skewness, *(limits or ()))
    method = "t, cluster-robust" if m < items else "t"
    return Evidence(se, df, Closer(student, rare) if rare else student, method)
