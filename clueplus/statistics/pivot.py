"""What p values and bounds of one estimate are made of: one function and its inverse, so that they never disagree.

A pivot answers two questions about a true value. `p_greater(shift)` is the p value of H0 "it is `shift` or less", small
when the data say that it is greater; `p_less(shift)` that of H0 "it is `shift` or more". `lower(alpha)` is the smallest
shift that p_greater does not reject at level alpha, and `upper(alpha)` the largest that p_less does not.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

from clueplus.statistics.binomial import failure_bound, failure_p


class Pivot(Protocol):
    """One-sided p values and bounds of an estimate, in its unit."""

    def p_greater(self, shift: float) -> float:
        """The p value of H0: the true value is `shift` or less."""

    def p_less(self, shift: float) -> float:
        """The p value of H0: the true value is `shift` or more."""

    def lower(self, alpha: float) -> float:
        """The bound below which the true value lies with probability alpha at most."""

    def upper(self, alpha: float) -> float:
        """The bound above which the true value lies with probability alpha at most."""


class Student(NamedTuple):
    """Student's t around an estimate, corrected for skewness and cut at the edges of what is possible.

    The statistic T = (estimate - shift) / se of skewed data is skewed the other way: where a few large losses make the
    mean, its lower bound would be too high twice as often as claimed. Hall's cubic
    g(T) = T + a T^2 / 3 + a^2 T^3 / 27 + a / 6 removes that to second order, rises everywhere and has a closed inverse.

    skewness: a, of the estimate: that of the clusters over the root of their number, sum(s^3) / sum(s^2)^1.5 for the
    cluster sums s of influences.

    Source: Student, Biometrika 6:1, 1908; Hall, JRSS B 54:221, 1992.
    """

    estimate: float
    se: float
    df: float
    skewness: float = 0.0
    floor: float = -math.inf
    ceiling: float = math.inf

    def p_greater(self, shift: float) -> float:
        """See Pivot."""
        from scipy.special import stdtr

        if shift < self.floor:
            return 0.0
        t, a = (self.estimate - shift) / self.se, self.skewness
        return float(stdtr(self.df, -(t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6)))

    def p_less(self, shift: float) -> float:
        """See Pivot."""
        return self._mirrored().p_greater(-shift)

    def lower(self, alpha: float) -> float:
        """See Pivot."""
        from scipy.special import stdtrit

        t, a = -float(stdtrit(self.df, alpha)), self.skewness
        if abs(a) > _SYMMETRIC:
            t = 3 / a * (math.cbrt(1 + a * (t - a / 6)) - 1)
        return max(self.floor, self.estimate - t * self.se)

    def upper(self, alpha: float) -> float:
        """See Pivot."""
        return -self._mirrored().lower(alpha)

    def _mirrored(self) -> Student:
        return Student(-self.estimate, self.se, self.df, -self.skewness, -self.ceiling, -self.floor)


class Rare(NamedTuple):
    """Bounds for the mean of clusters that nearly all have one value, from how many have another.

    If a share u of all clusters lies below the common value, the mean can't be less than common - u * (common - floor),
    since nothing lies below the floor. The exact binomial bound of u so gives a bound of the mean, whatever the sizes
    of the deviations: with none in m clusters it is the rule of three, 3 / m at 95%.

    below, above: clusters under and over the common value. clusters: all of them. size: that of the largest cluster
    over their mean size; deviations are taken to be in clusters that large.

    Source: Clopper and Pearson, Biometrika 26:404, 1934; Hanley and Lippman-Hand, JAMA 249:1743, 1983 (rule of three).
    """

    common: float
    below: int
    above: int
    clusters: int
    floor: float
    ceiling: float
    size: float = 1.0

    def p_greater(self, shift: float) -> float:
        """See Pivot."""
        if shift < self.floor:
            return 0.0
        if shift >= self.common:
            return 1.0
        share = (self.common - shift) / ((self.common - self.floor) * self.size)
        return failure_p(self.below, self.clusters, share)

    def p_less(self, shift: float) -> float:
        """See Pivot."""
        return self._mirrored().p_greater(-shift)

    def lower(self, alpha: float) -> float:
        """See Pivot."""
        share = failure_bound(self.below, self.clusters, alpha) * self.size
        return max(self.floor, self.common - share * (self.common - self.floor))

    def upper(self, alpha: float) -> float:
        """See Pivot."""
        return -self._mirrored().lower(alpha)

    def _mirrored(self) -> Rare:
        return Rare(-self.common, self.above, self.below, self.clusters, -self.ceiling, -self.floor, self.size)


class Closer(NamedTuple):
    """The closer of two pivots' bounds on each side: where one is far off for want of data, the other serves."""

    one: Pivot
    other: Pivot

    def p_greater(self, shift: float) -> float:
        """See Pivot."""
        return min(self.one.p_greater(shift), self.other.p_greater(shift))

    def p_less(self, shift: float) -> float:
        """See Pivot."""
        return min(self.one.p_less(shift), self.other.p_less(shift))

    def lower(self, alpha: float) -> float:
        """See Pivot."""
        return max(self.one.lower(alpha), self.other.lower(alpha))

    def upper(self, alpha: float) -> float:
        """See Pivot."""
        return min(self.one.upper(alpha), self.other.upper(alpha))


class Tango(NamedTuple):
    """Tango's score test for the difference of two paired proportions, second less first.

    The variance is that under the hypothesis, with the constrained maximum likelihood estimate of the discordance, so
    that few discordant pairs do not make it vanish. With n pairs, of which the shares `gains` and `losses` are
    discordant, the statistic at shift D is sqrt(n) (estimate - D) / sqrt(2 q + D (1 - D)), where q is the constrained
    share of losses.

    estimate: gains - losses. discordance: gains + losses. pairs: how many, or how many independent ones the same
    variance would need (Korn and Graubard, Survey Methodology 24:193, 1998). df: infinite, or the clusters less one.

    Source: Tango, Statistics in Medicine 17:891, 1998.
    """

    estimate: float
    discordance: float
    pairs: float
    df: float = math.inf

    def statistic(self, shift: float) -> float:
        """The score statistic at `shift`, which falls from infinity at -1 to minus infinity at 1."""
        losses = (self.discordance - self.estimate) / 2
        b = (2 - self.estimate) * shift - self.discordance
        c = -losses * shift * (1 - shift)
        q = (math.sqrt(max(0.0, b * b - 8 * c)) - b) / 4
        variance = 2 * q + shift * (1 - shift)
        if variance <= 0:
            return math.inf if self.estimate > shift else -math.inf
        return math.sqrt(self.pairs / variance) * (self.estimate - shift)

    def p_greater(self, shift: float) -> float:
        """See Pivot."""
        from scipy.special import stdtr

        if abs(shift) > 1:
            return 0.0 if shift < 0 else 1.0
        return float(stdtr(self.df, -self.statistic(shift)))

    def p_less(self, shift: float) -> float:
        """See Pivot."""
        return self._mirrored().p_greater(-shift)

    def lower(self, alpha: float) -> float:
        """See Pivot."""
        if self.p_greater(_EDGE) >= alpha:
            return -1.0
        low, high = _EDGE, -_EDGE
        while high - low > _CLOSE:  # 48 halvings; scipy.optimize would take half a second to import
            middle = (low + high) / 2
            low, high = (middle, high) if self.p_greater(middle) < alpha else (low, middle)
        return (low + high) / 2

    def upper(self, alpha: float) -> float:
        """See Pivot."""
        return -self._mirrored().lower(alpha)

    def _mirrored(self) -> Tango:
        return Tango(-self.estimate, self.discordance, self.pairs, self.df)


_EDGE = -1 + 1e-12
_CLOSE = 1e-14
_SYMMETRIC = 1e-6
