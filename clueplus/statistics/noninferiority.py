"""The claim that a candidate is no worse than its baseline by more than a margin."""

from __future__ import annotations

from typing import NamedTuple

from clueplus.statistics.paired import Difference


class NonInferiority(NamedTuple):
    """Whether a difference above -margin is shown at level alpha.

    bound: the one-sided lower bound of the difference, in its unit; None where `reason` says why.
    p: of H0 "worse by the margin or more".
    shown: p < alpha, which is bound > -margin. False does not mean worse: see `power`.
    """

    margin: float
    alpha: float
    bound: float | None
    p: float | None
    shown: bool
    reason: str | None = None


def non_inferiority(difference: Difference, margin: float, *, alpha: float = 0.05) -> NonInferiority:
    """The one-sided test of H0 "the difference is -margin or less".

    Args:
        difference: candidate less baseline.
        margin: how much worse is still acceptable, 0 or more, in the unit of the difference; 0 asks for better.
        alpha: the level, one-sided.

    Raises:
        ValueError: the margin is negative or alpha is not in (0, 1).

    Source: Piaggio et al. (CONSORT), JAMA 308:2594, 2012; ICH E9, section 3.3.2.
    """
    if not margin >= 0 or not 0 < alpha < 1:
        raise ValueError(f"a margin of {margin} at alpha {alpha}")
    bound, p = difference.lower(alpha), difference.one_sided_p(-margin)
    if bound is None or p is None:
        return NonInferiority(margin, alpha, None, None, False, difference.reason)
    return NonInferiority(margin, alpha, bound, p.greater, p.greater < alpha)
