"""A task's column, the unweighted mean of its components' means, linearised: what each item contributes to it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Column(NamedTuple):
    """The column of n items with K components, in the unit of the scores.

    score: the mean of component means; NaN where a component has no value at all.
    share: (items,) what each item has in it: its values, that of component k, which n_k items have, with the weight
        n / (K n_k); the mean is the score.
    reach: (items,) the share that an item would have with all its values 1; the mean is 1.
    influence: (items,) the same with deviations from each component's mean in place of values; sums to 0.
    independent_variance: what the score's variance would be if all values were independent.
    """

    score: float
    share: Floats
    reach: Floats
    influence: Floats
    independent_variance: float


def linearise(values: Floats) -> Column:
    """The column of `values` (items, components), NaN where an item lacks a component.

    Source: Taylor linearisation of a sum of ratio means, Särndal, Swensson and Wretman, Model Assisted Survey Sampling,
    1992, section 5.5; the influence function of Hampel, JASA 69:383, 1974.
    """
    present = ~np.isnan(values)
    having = present.sum(axis=0)
    if not having.all() or not values.size:
        nothing = np.full(len(values), np.nan)
        return Column(np.nan, nothing, nothing, nothing, np.nan)
    filled = np.where(present, values, 0.0)
    means = filled.sum(axis=0) / having
    deviations = np.where(present, values - means, 0.0)
    weights = len(values) / (values.shape[1] * having)
    variances = (deviations**2).sum(axis=0) / having**2
    independent = float(variances.sum()) / values.shape[1] ** 2
    return Column(float(means.mean()), filled @ weights, present @ weights, deviations @ weights, independent)
