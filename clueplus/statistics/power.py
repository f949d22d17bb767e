"""What a comparison could have seen, and how many items or samples an item would settle it.

All differences, margins and standard errors are in one unit (fractions). Tests are one-sided at level alpha: H0 "the
candidate is worse by the margin or more" (non-inferiority), with Student's t and its noncentral distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MOST = 10_000_000  # more items or samples than anybody has: then the answer is "none"


class Needed(NamedTuple):
    """A number of items or of samples an item; None where `reason` says why no number is enough."""

    number: int | None
    reason: str | None = None


class Components(NamedTuple):
    """Variances of one answer's score: between items (of their true means) and within one (from sample to sample)."""

    between: float
    within: float


def power(se: float, df: float, *, margin: float, true: float = 0.0, alpha: float = 0.05) -> float:
    """The probability that non-inferiority with `margin` is shown when the true difference is `true`.

    With margin 0 it is the power to show a gain of `true`; to detect a drop of d, ask for margin d and true 0.

    Source: noncentral t; Julious, Statistics in Medicine 23:1921, 2004, section 5.
    """
    from scipy.special import nctdtr, stdtrit

    return float(1 - nctdtr(df, (true + margin) / se, stdtrit(df, 1 - alpha)))


def minimum_detectable_effect(se: float, df: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest true drop (or gain) that a one-sided test against 0 detects with probability `power`.

    It is also the smallest margin that is shown with that probability when there is no difference.

    Source: as `power`; Card et al., EMNLP 2020, for why to print it.
    """
    from scipy.special import nctdtrinc, stdtrit

    return float(nctdtrinc(df, 1 - power, stdtrit(df, 1 - alpha))) * se


def items_for_margin(
    se: float, n: int, clusters: int, *, margin: float, true: float = 0.0, alpha: float = 0.05, power: float = 0.8
) -> Needed:
    """How many items show non-inferiority with `margin` with probability `power`, if they are like those seen.

    The standard error shrinks with the root of the number of clusters, which keep their mean size. Where no item
    differed that is too careful: then about 3 / margin clusters without any difference are enough (at 5%).

    Args:
        se: the standard error observed.
        n: the items it was observed on.
        clusters: their clusters.
        margin: 0 or more.
        true: the true difference: 0, or what was observed.
        alpha: the level, one-sided.
        power: the probability aimed at.
    """
    if true + margin <= 0:
        return Needed(None, "the candidate is worse by the margin or more: no number of items shows otherwise")

    def reached(m: int) -> bool:
        return _power(se * math.sqrt(clusters / m), m - 1, true + margin, alpha) >= power

    m = _smallest(reached, 2)
    return Needed(None, f"more than {_MOST} clusters") if m is None else Needed(math.ceil(m * n / clusters))


def samples_for_margin(
    se: float,
    df: float,
    n: int,
    *,
    samples: int,
    within: float,
    margin: float,
    true: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> Needed:
    """How many samples an item show non-inferiority with `margin` with probability `power` on the items at hand.

    Sampling noise is independent between items, so that S samples instead of s take within / n * (1 / s - 1 / S) off
    the variance. What is between items stays, and may be too much for any number.

    Args:
        se: the standard error observed.
        df: its degrees of freedom.
        n: the items it was observed on.
        samples: how many answers each of them had.
        within: the variance of one sample's difference within an item: the sum of both sides' (`variance_components`).
        margin: 0 or more.
        true: the true difference: 0, or what was observed.
        alpha: the level, one-sided.
        power: the probability aimed at.
    """
    if true + margin <= 0:
        return Needed(None, "the candidate is worse by the margin or more: no number of samples shows otherwise")
    rest = max(0.0, se**2 - within / n / samples)

    def reached(s: int) -> bool:
        return _power(math.sqrt(rest + within / n / s), df, true + margin, alpha) >= power

    if rest > 0 and _power(math.sqrt(rest), df, true + margin, alpha) < power:
        return Needed(
            None, "the spread between items is too large: more samples an item can't settle it, more items can"
        )
    s = _smallest(reached, 1)
    return Needed(None, f"more than {_MOST} samples an item") if s is None else Needed(s)


def variance_components(values: NDArray[np.float64]) -> Components | None:
    """Between and within items, from repeated answers; None without two items, or without an item that has two.

    The one-way random-effects analysis of variance, with its coefficient for unequal numbers of samples; a negative
    estimate of the variance between items is 0.

    Args:
        values: (items, samples), NaN where a sample is missing.

    Source: Searle, Casella and McCulloch, Variance Components, 1992, section 3.6.
    """
    present = ~np.isnan(values)
    values, present = values[present.any(axis=1)], present[present.any(axis=1)]
    sizes = present.sum(axis=1)
    items, total = len(sizes), int(sizes.sum())
    if items < 2 or total == items:
        return None
    filled = np.where(present, values, 0.0)
    means = filled.sum(axis=1) / sizes
    within = float((np.where(present, values - means[:, None], 0.0) ** 2).sum()) / (total - items)
    of_means = float((sizes * (means - filled.sum() / total) ** 2).sum()) / (items - 1)
    size = (total - float((sizes**2).sum()) / total) / (items - 1)
    return Components(max(0.0, (of_means - within) / size), within)


def _power(se: float, df: float, distance: float, alpha: float) -> float:
    return power(se, df, margin=distance, alpha=alpha) if se > 0 else 1.0


def _smallest(reached: Callable[[int], bool], first: int) -> int | None:
    """The smallest number from `first` on for which `reached`, which stays true once it is; None above _MOST."""
    high = first
    while not reached(high):
        if high > _MOST:
            return None
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if middle >= first and reached(middle) else (middle, high)
    return high
