"""Exact bounds of failure rates against scipy's, and the p value that belongs to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clueplus.statistics.binomial import failure_bound, failure_p, failure_rate

counts = st.integers(1, 200).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


@given(counts, st.sampled_from([0.9, 0.95, 0.99]))
def test_the_interval_is_scipys_exact_one(count: tuple[int, int], confidence: float) -> None:
    expected = stats.binomtest(*count).proportion_ci(confidence, method="exact")
    found = failure_rate(*count, confidence)
    assert found.rate == count[0] / count[1]
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(counts, st.sampled_from([0.01, 0.05, 0.2]))
def test_the_bound_is_where_the_p_value_is_alpha(count: tuple[int, int], alpha: float) -> None:
    bound = failure_bound(*count, alpha)
    if count[0] == count[1]:
        assert bound == failure_p(*count, 0.3) == 1
    else:
        assert failure_p(*count, bound) == pytest.approx(alpha)
        assert failure_p(*count, bound) == pytest.approx(stats.binom.cdf(*count, bound))


def test_no_failure_in_300_is_the_rule_of_three() -> None:
    assert failure_bound(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert failure_bound(0, 300) == pytest.approx(0.01, rel=0.01)


def test_a_rate_beyond_0_and_1_is_impossible_or_certain() -> None:
    assert failure_p(2, 10, 1.5) == 0
    assert failure_p(2, 10, -0.5) == 1


def test_no_trials_have_no_rate() -> None:
    assert failure_rate(0, 0) == (None, None, None, "no trials")


@pytest.mark.parametrize(("failures", "trials"), [(3, 2), (-1, 2), (0, 0)])
def test_impossible_counts_are_refused(failures: int, trials: int) -> None:
    with pytest.raises(ValueError, match="failures in"):
        failure_bound(failures, trials)
    with pytest.raises(ValueError, match="failures in"):
        failure_p(failures, trials, 0.5)
