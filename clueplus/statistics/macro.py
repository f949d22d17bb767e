"""The mean of several tasks' differences as one difference."""

from __future__ import annotations

import math
from collections.abc import Sequence

from clueplus.statistics.mean import Evidence
from clueplus.statistics.paired import Difference, make_difference, no_difference
from clueplus.statistics.pivot import Student


def mean_difference(differences: Sequence[Difference], *, confidence: float = 0.95) -> Difference:
    """The unweighted mean of the differences of independent tasks.

    The variance of the mean of K is the sum of their variances over K^2; its degrees of freedom are Welch's and
    Satterthwaite's, (sum v)^2 / sum(v^2 / df). Items and clusters are added. A task without a difference leaves
    none for the mean, one without a standard error a mean without an interval.

    Source: Satterthwaite, Biometrics Bulletin 2:110, 1946; Welch, Biometrika 34:28, 1947.
    """
    size = {"n": sum(d.n for d in differences), "clusters": sum(d.clusters for d in differences)}
    total = len(differences)
    deltas = [d.delta for d in differences if d.delta is not None]
    if not total or len(deltas) < total:
        reason = f"{total - len(deltas)} of {total} tasks have no difference" if total else "no task"
        return no_difference(None, reason, **size)
    delta = math.fsum(deltas) / total
    spreads = [(d.se**2, d.df) for d in differences if d.se is not None and d.df is not None]
    if len(spreads) < total:
        return no_difference(delta, f"{total - len(spreads)} of {total} tasks have no standard error", **size)
    variance = math.fsum(v for v, _ in spreads)
    df = variance**2 / math.fsum(v**2 / df for v, df in spreads)
    se = math.sqrt(variance) / total
    found = Evidence(se, df, Student(delta, se, df), "t, Welch-Satterthwaite")
    return make_difference(delta, found, confidence=confidence, **size)
