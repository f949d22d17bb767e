"""Items that belong together: one patient, note or document asked several times is one observation, not several."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Clusters(NamedTuple):
    """The cluster of each item as a number from 0 to `number` - 1, in the order in which labels first appear."""

    codes: NDArray[np.intp]
    number: int

    def sums(self, values: Floats) -> Floats:
        """The sum of `values` (items,) over each cluster: (clusters,)."""
        return np.bincount(self.codes, weights=values, minlength=self.number).astype(np.float64)


def find_clusters(labels: Iterable[Hashable]) -> Clusters:
    """Clusters from one label an item; items with equal labels are dependent."""
    numbers: dict[Hashable, int] = {}
    codes = [numbers.setdefault(label, len(numbers)) for label in labels]
    return Clusters(np.array(codes, dtype=np.intp), len(numbers))


def sandwich_variance(sums: Floats, items: int) -> float:
    """The variance of a mean over `items` items from the cluster sums (clusters,) of their influences, which add to 0.

    sum of squares / items^2 * m / (m - 1) with m clusters: the cluster-robust ("sandwich") estimator with the usual
    correction for few clusters. With one item a cluster it is the sample variance over n.

    Source: Liang and Zeger, Biometrika 73:13, 1986; Cameron and Miller, Journal of Human Resources 50:317, 2015, (12).
    """
    m = len(sums)
    return float((sums**2).sum()) / items**2 * m / (m - 1)
