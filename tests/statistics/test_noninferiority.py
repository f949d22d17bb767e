"""The claim "no worse by more than a margin": its bound, its p value, its size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.statistics.noninferiority import non_inferiority
from clueplus.statistics.paired import paired_difference

BASELINE = np.linspace(0.3, 0.7, 50)[:, None]
CANDIDATE = BASELINE + np.random.default_rng(0).normal(-0.01, 0.05, (50, 1))
DIFFERENCE = paired_difference(BASELINE, CANDIDATE, range(50))


@given(st.floats(0, 0.1), st.sampled_from([0.01, 0.025, 0.05, 0.1]))
def test_it_is_shown_when_the_bound_is_above_minus_the_margin(margin: float, alpha: float) -> None:
    found = non_inferiority(DIFFERENCE, margin, alpha=alpha)
    assert found.bound == DIFFERENCE.lower(alpha)
    assert found.p == DIFFERENCE.one_sided_p(-margin).greater  # type: ignore[union-attr]
    assert found.p is not None
    assert found.bound is not None
    assert found.shown == (found.p < alpha) == (found.bound > -margin)
    assert (found.margin, found.alpha, found.reason) == (margin, alpha, None)


def test_a_wide_margin_is_shown_and_a_narrow_one_is_not() -> None:
    assert non_inferiority(DIFFERENCE, 0.05).shown
    assert not non_inferiority(DIFFERENCE, 0.01).shown
    better = paired_difference(BASELINE, BASELINE + 0.1 + (CANDIDATE - BASELINE) / 2, range(50))
    assert non_inferiority(better, 0).shown


def test_what_has_no_interval_shows_nothing_and_says_why() -> None:
    found = non_inferiority(paired_difference(BASELINE[:1], CANDIDATE[:1], "a"), 0.5)
    assert found[2:] == (None, None, False, "one item or one cluster has no interval")


@pytest.mark.parametrize(("margin", "alpha"), [(-0.01, 0.05), (float("nan"), 0.05), (0.01, 0.0), (0.01, 1.0)])
def test_a_negative_margin_or_an_impossible_level_is_refused(margin: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="a margin of"):
        non_inferiority(DIFFERENCE, margin, alpha=alpha)


def test_a_candidate_that_is_worse_by_the_margin_passes_in_5_percent() -> None:
    rng = np.random.default_rng(3)
    shown = 0
    for _ in range(2000):
        candidate = BASELINE + rng.normal(-0.02, 0.06, (50, 1))
        shown += non_inferiority(paired_difference(BASELINE, candidate, range(50)), 0.02).shown
    assert 0.04 <= shown / 2000 <= 0.06
