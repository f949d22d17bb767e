"""Power against statsmodels and against simulation; what a margin needs, by trying."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clueplus.statistics.noninferiority import non_inferiority
from clueplus.statistics.paired import paired_difference
from clueplus.statistics.power import (
    items_for_margin,
    minimum_detectable_effect,
    power,
    samples_for_margin,
    variance_components,
)


@pytest.mark.parametrize("n", [8, 50, 400])
@pytest.mark.parametrize("effect", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("alpha", [0.025, 0.05])
def test_statsmodels_has_the_same_power_of_a_paired_t_test(n: int, effect: float, alpha: float) -> None:
    from statsmodels.stats.power import TTestPower

    se = 0.1 / math.sqrt(n)
    expected = TTestPower().power(effect, n, alpha, alternative="larger")
    assert power(se, n - 1, margin=0.1 * effect, alpha=alpha) == pytest.approx(expected, abs=1e-6)
    assert power(se, n - 1, margin=0.04, true=0.1 * effect - 0.04, alpha=alpha) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n", [10, 60, 900])
@pytest.mark.parametrize("aim", [0.5, 0.8, 0.95])
def test_statsmodels_has_the_same_minimum_detectable_effect(n: int, aim: float) -> None:
    from statsmodels.stats.power import TTestPower

    expected = TTestPower().solve_power(nobs=n, alpha=0.05, power=aim, alternative="larger")
    found = minimum_detectable_effect(0.2 / math.sqrt(n), n - 1, power=aim)
    assert found == pytest.approx(0.2 * expected, rel=1e-4)


@pytest.mark.parametrize("effect", [0.1, 0.25])
def test_statsmodels_has_the_same_number_of_items(effect: float) -> None:
    from statsmodels.stats.power import TTestPower

    expected = TTestPower().solve_power(effect_size=effect, alpha=0.05, power=0.8, alternative="larger")
    assert items_for_margin(0.3 / math.sqrt(70), 70, 70, margin=0.3 * effect).number == math.ceil(expected)


@settings(deadline=None)
@given(st.floats(0.001, 0.1), st.floats(3, 5000), st.sampled_from([0.01, 0.05]), st.floats(0.3, 0.95))
def test_the_minimum_detectable_effect_is_detected_with_the_power_aimed_at(
    se: float, df: float, alpha: float, aim: float
) -> None:
    found = minimum_detectable_effect(se, df, alpha=alpha, power=aim)
    assert power(se, df, margin=found, alpha=alpha) == pytest.approx(aim, abs=1e-5)


@settings(deadline=None)
@given(st.floats(0.002, 0.05), st.integers(2, 300), st.integers(1, 5), st.floats(0.01, 0.05), st.floats(-0.009, 0.03))
def test_so_many_items_are_enough_and_one_cluster_fewer_is_not(
    se: float, clusters: int, size: int, margin: float, true: float
) -> None:
    needed = items_for_margin(se, clusters * size, clusters, margin=margin, true=true).number
    assert needed is not None
    assert needed % size == 0

    def reached(m: int) -> float:
        return power(se * math.sqrt(clusters / m), m - 1, margin=margin, true=true)

    m = needed // size
    assert reached(m) >= 0.8
    assert m == 2 or reached(m - 1) < 0.8


def test_no_number_of_items_shows_what_is_not_so() -> None:
    assert items_for_margin(0.01, 100, 100, margin=0.01, true=-0.01).number is None
    assert "worse" in str(items_for_margin(0.01, 100, 100, margin=0.01, true=-0.02).reason)
    assert "more than" in str(items_for_margin(0.5, 100, 100, margin=1e-6).reason)


@settings(deadline=None)
@given(st.integers(1, 4), st.floats(0.01, 0.9), st.floats(0.01, 0.05))
def test_so_many_samples_are_enough_and_one_fewer_is_not(samples: int, share: float, margin: float) -> None:
    n, variance = 400, 0.015**2
    within = share * variance * n * samples  # this share of the variance is sampling noise
    needed = samples_for_margin(0.015, 399, n, samples=samples, within=within, margin=margin)

    def reached(s: float) -> float:
        return power(math.sqrt(variance * (1 - share) + within / n / s), 399, margin=margin)

    if needed.number is None:
        assert "between items" in str(needed.reason)
        assert reached(1e12) < 0.8 + 1e-9
    else:
        assert reached(needed.number) >= 0.8
        assert needed.number == 1 or reached(needed.number - 1) < 0.8


def test_samples_can_be_all_the_noise_or_none_of_it() -> None:
    se, n = 0.01, 100
    all_of_it = samples_for_margin(se, 99, n, samples=1, within=se**2 * n, margin=0.01)
    detectable = minimum_detectable_effect(1.0, 99)
    assert all_of_it.number == math.ceil(detectable**2)
    assert samples_for_margin(se, 99, n, samples=1, within=0.0, margin=0.01).number is None
    assert samples_for_margin(se, 99, n, samples=1, within=0.0, margin=0.05).number == 1
    assert "worse" in str(samples_for_margin(se, 99, n, samples=1, within=0.1, margin=0.01, true=-0.01).reason)
    assert "more than" in str(samples_for_margin(1.0, 99, n, samples=1, within=n, margin=1e-5).reason)


@pytest.mark.parametrize("true", [-0.02, -0.01, 0.0, 0.01])
def test_non_inferiority_is_shown_as_often_as_the_power_says(true: float) -> None:
    rng = np.random.default_rng(6)
    baseline = np.full((80, 1), 0.5)
    shown = 0
    for _ in range(1500):
        candidate = baseline + rng.normal(true, 0.08, (80, 1))
        shown += non_inferiority(paired_difference(baseline, candidate, range(80)), 0.02).shown
    assert shown / 1500 == pytest.approx(power(0.08 / math.sqrt(80), 79, margin=0.02, true=true), abs=0.035)


def test_variance_components_of_equal_samples_are_those_of_the_analysis_of_variance() -> None:
    values = np.random.default_rng(0).normal(0, 0.2, (40, 1)) + np.random.default_rng(1).normal(0, 0.1, (40, 5))
    found = variance_components(values)
    assert found is not None
    assert found.within == pytest.approx(values.var(axis=1, ddof=1).mean())
    assert found.between == pytest.approx(values.mean(axis=1).var(ddof=1) - found.within / 5)
    assert stats.f_oneway(*values).statistic == pytest.approx(1 + 5 * found.between / found.within)


def test_variance_components_with_gaps_are_right_on_average() -> None:
    rng = np.random.default_rng(2)
    found = []
    for _ in range(400):
        values = rng.normal(0, 0.2, (50, 1)) + rng.normal(0, 0.3, (50, 6))
        values[rng.random((50, 6)) < np.linspace(0, 0.9, 50)[:, None]] = np.nan
        found.append(variance_components(values))
    assert np.mean([f.between for f in found if f]) == pytest.approx(0.04, rel=0.08)
    assert np.mean([f.within for f in found if f]) == pytest.approx(0.09, rel=0.03)


def test_variance_components_need_two_items_and_one_that_was_asked_twice() -> None:
    nan = np.nan
    assert variance_components(np.array([[0.1, 0.2]])) is None
    assert variance_components(np.array([[0.1, nan], [nan, 0.3]])) is None
    assert variance_components(np.array([[nan, nan], [0.2, 0.3]])) is None
    assert variance_components(np.array([[0.2, 0.4], [0.3, 0.3]])) == (0.0, pytest.approx(0.01))
