"""A task's column, the unweighted mean of its components' means, linearised: what each item contributes to it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Column(NamedTuple):
    """The column of n items with K components, in the unit of the scores.

    score: the mean of component means; NaN where a component has no value at all.
    influence: (items,) what each item adds to the score beside the others; sums to 0. An item's deviation from the
        mean of component k, which n_k items have, weighs n / (K n_k).
    reach: (items,) how much an item could move its share if all its values went from 0 to 1; its mean is 1.
    independent_variance: what the score's variance would be if all values were independent.
    """

    score: float
    influence: Floats
    reach: Floats
    independent_variance: float


def linearise(values: Floats) -> Column:
    """The column of `values` (items, components), NaN where an item lacks a component.

    Source: the influence function of a sum of ratio means; Hampel, JASA 69:383, 1974; Särndal, Swensson and Wretman,
    Model Assisted Survey Sampling, 1992, section 5.5 (Taylor linearisation).
    """
    present = ~np.isnan(values)
    having = present.sum(axis=0)
    if not having.all() or not values.size:
        nothing = np.full(len(values), np.nan)
        return Column(np.nan, nothing, nothing, np.nan)
    means = np.where(present, values, 0.0).sum(axis=0) / having
    deviations = np.where(present, values - means, 0.0)
    weights = len(values) / (values.shape[1] * having)
    spread = (deviations**2).sum(axis=0) / having**2 / values.shape[1] ** 2
    return Column(float(means.mean()), deviations @ weights, present @ weights, float(spread.sum()))
