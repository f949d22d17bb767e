"""The mean of several tasks' differences."""

import math

import numpy as np
import pytest
from scipy import stats

from clueplus.statistics.macro import mean_difference
from clueplus.statistics.paired import Difference, paired_difference


def task(items: int, spread: float, seed: int, shift: float = 0.0) -> Difference:
    rng = np.random.default_rng(seed)
    baseline = rng.uniform(0.4, 0.6, (items, 1))
    return paired_difference(baseline, baseline + rng.normal(shift, spread, (items, 1)), range(items))


def test_two_tasks_make_welchs_test() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.02, 0.1, 30), rng.normal(0.01, 0.03, 12)
    one, other = (paired_difference(np.full((len(d), 1), 0.5), 0.5 + d[:, None], range(len(d))) for d in (a, b))
    mean = mean_difference([one, other])
    welch = stats.ttest_ind(a, -b, equal_var=False)
    assert mean.delta == pytest.approx((a.mean() + b.mean()) / 2)
    assert mean.df == pytest.approx(welch.df)
    assert (mean.low, mean.high) == pytest.approx(tuple(bound / 2 for bound in welch.confidence_interval()))
    assert mean.two_sided_p() == pytest.approx(welch.pvalue)
    assert (mean.n, mean.clusters, mean.method) == (42, 42, "t, Welch-Satterthwaite")


def test_twelve_alike_tasks_have_a_standard_error_smaller_by_the_root_of_twelve() -> None:
    one = task(100, 0.05, 0)
    assert one.se is not None
    assert one.df is not None
    mean = mean_difference([one] * 12)
    assert mean.se == pytest.approx(one.se / math.sqrt(12))
    assert mean.df == pytest.approx(12 * one.df)


def test_a_task_without_any_change_adds_what_was_not_seen() -> None:
    same = paired_difference(np.ones((30, 1)), np.ones((30, 1)), range(30))
    mean = mean_difference([same, same])
    assert mean.low is not None
    assert mean.low < -0.05


def test_a_missing_task_leaves_no_mean_and_one_without_an_interval_no_interval() -> None:
    whole, single = task(20, 0.1, 0), task(1, 0.1, 1)
    nothing = paired_difference(np.full((3, 1), np.nan), np.full((3, 1), np.nan), "abc")
    assert mean_difference([]).reason == "no task"
    lacking = mean_difference([whole, nothing])
    assert (lacking.delta, lacking.se, lacking.low) == (None, None, None)
    assert lacking.reason == "1 of 2 tasks have no difference"
    without = mean_difference([whole, single, whole])
    assert whole.delta is not None
    assert single.delta is not None
    assert without.delta == pytest.approx((2 * whole.delta + single.delta) / 3)
    assert (without.se, without.low) == (None, None)
    assert without.reason == "1 of 3 tasks have no standard error"


def test_its_95_percent_interval_covers_in_93_5_to_96_5_percent() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(2000):
        tasks = []
        for items, spread in ((15, 0.1), (40, 0.05), (80, 0.2)):
            losses = 0.9 * rng.beta(1, 5, (items, 1)) * spread / 0.2
            tasks.append(paired_difference(np.full((items, 1), 0.9), 0.9 - losses, range(items)))
        mean = mean_difference(tasks)
        assert mean.low is not None
        assert mean.high is not None
        covered += mean.low <= -0.15 * (0.1 + 0.05 + 0.2) / 0.2 / 3 <= mean.high
    assert 0.935 <= covered / 2000 <= 0.965
