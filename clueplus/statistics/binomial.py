"""Exact bounds of a failure rate: what k failures in n trials say, and what none of them says."""

from __future__ import annotations

from typing import NamedTuple


class FailureRate(NamedTuple):
    """A rate with its exact two-sided interval; None with the reason where there are no trials."""

    rate: float | None
    low: float | None
    high: float | None
    reason: str | None = None


def failure_rate(failures: int, trials: int, confidence: float = 0.95) -> FailureRate:
    """The rate of failures with Clopper and Pearson's exact interval.

    Raises:
        ValueError: more failures than trials, or fewer than 0.

    Source: Clopper and Pearson, Biometrika 26:404, 1934.
    """
    if trials == 0 == failures:
        return FailureRate(None, None, None, "no trials")
    alpha = (1 - confidence) / 2
    low = 1 - failure_bound(trials - failures, trials, alpha)
    return FailureRate(failures / trials, low, failure_bound(failures, trials, alpha))


def failure_bound(failures: int, trials: int, alpha: float = 0.05) -> float:
    """The exact one-sided upper bound of a failure rate: the rate at which so few failures have probability alpha.

    No failure in n trials gives 1 - alpha ** (1 / n), about 3 / n at 5%.

    Raises:
        ValueError: more failures than trials, fewer than 0, or no trials.

    Source: Clopper and Pearson, Biometrika 26:404, 1934.
    """
    from scipy.special import betaincinv

    _check(failures, trials)
    return 1.0 if failures == trials else float(betaincinv(failures + 1, trials - failures, 1 - alpha))


def failure_p(failures: int, trials: int, rate: float) -> float:
    """The p value of H0 "the failure rate is `rate` or more": the probability of so few failures, exact.

    Raises:
        ValueError: more failures than trials, fewer than 0, or no trials.
    """
    from scipy.special import bdtr

    _check(failures, trials)
    if failures == trials:
        return 1.0
    return float(bdtr(failures, trials, min(1.0, max(0.0, rate))))


def _check(failures: int, trials: int) -> None:
    if not 0 <= failures <= trials or trials == 0:
        raise ValueError(f"{failures} failures in {trials} trials")
