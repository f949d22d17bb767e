"""Intervals cover what they promise: by seeded simulation, by enumeration, and against scipy where it has the same."""

from collections.abc import Callable, Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from clueplus.statistics.intervals import Interval, mean_of_means_interval

Matrix = NDArray[np.float64]
Draw = Callable[[np.random.Generator], Matrix]

ITEMS = 200
REPETITIONS = 4000
PAIRS_TO_FIVES = np.repeat(np.arange(57), np.resize([2, 3, 4, 5], 57)).tolist()  # 198 items in 57 clusters
LEVELS = np.repeat(np.arange(66), 3).tolist()  # 198 items, three a code
LEVEL_RATES = np.array([0.6, 0.4, 0.3])


def normal(rng: np.random.Generator) -> Matrix:
    return rng.normal(0.6, 0.1, (ITEMS, 1))


def skewed(rng: np.random.Generator) -> Matrix:
    values: Matrix = rng.lognormal(-2, 0.7, (ITEMS, 1))
    return values.clip(0.0, 1.0)


SKEWED_MEAN = float(stats.lognorm(0.7, scale=np.exp(-2)).expect(lambda x: np.minimum(x, 1.0)))


def clustered(rng: np.random.Generator) -> Matrix:
    """Items of one cluster correlate with 0.8."""
    of_cluster = rng.normal(0.5, 0.1 * np.sqrt(0.8), 57)[PAIRS_TO_FIVES]
    values: Matrix = of_cluster + rng.normal(0, 0.1 * np.sqrt(0.2), len(of_cluster))
    return values[:, None]


def clustered_binary(rng: np.random.Generator) -> Matrix:
    """Three of four items take their cluster's coin instead of one of their own."""
    coins = (rng.random(57) < 0.7)[PAIRS_TO_FIVES]
    own = rng.random(len(coins)) < 0.7
    return np.where(rng.random(len(coins)) < 0.75, coins, own).astype(float)[:, None]


def three_components(rng: np.random.Generator) -> Matrix:
    """Correlated components with means 0.2, 0.5 and 0.8, which 200, 100 and 60 items have."""
    values = np.array([0.2, 0.5, 0.8]) + rng.normal(0, 0.1, (ITEMS, 1)) + rng.normal(0, [0.05, 0.1, 0.15], (ITEMS, 3))
    values[100:, 1] = np.nan
    values[:140, 2] = np.nan
    return values


def three_levels(rng: np.random.Generator) -> Matrix:
    """As in ICD10CM: a question a level for each code, each level a component; a known code is right at every level."""
    right = (rng.random((66, 1)) < 0.4) | (rng.random((66, 3)) < LEVEL_RATES)
    values = np.full((66, 3, 3), np.nan)
    values[:, range(3), range(3)] = right
    return values.reshape(-1, 3)


LEVELS_MEAN = float(0.4 + 0.6 * LEVEL_RATES.mean())


TENS = np.repeat(np.arange(12), 10).tolist()


def few_clusters(rng: np.random.Generator) -> Matrix:
    """Right or wrong in twelve clusters of ten with one rate each: a normal quantile covers in 93.3%."""
    rates = rng.uniform(0.2, 0.8, 12)
    return (rng.random((12, 10)) < rates[:, None]).reshape(-1, 1).astype(float)


def covers(interval: Interval, truth: float) -> bool:
    assert interval.low is not None
    assert interval.high is not None
    return interval.low <= truth <= interval.high


def coverage(draw: Draw, truth: float, clusters: Sequence[int], confidence: float = 0.95) -> float:
    """How often the interval covers the truth; the standard error of a coverage of 95% is 0.34 points."""
    rng = np.random.default_rng(7)
    intervals = (mean_of_means_interval(draw(rng), clusters, confidence) for _ in range(REPETITIONS))
    return sum(covers(interval, truth) for interval in intervals) / REPETITIONS


@pytest.mark.parametrize(
    ("draw", "truth", "clusters"),
    [
        (normal, 0.6, range(ITEMS)),
        (skewed, SKEWED_MEAN, range(ITEMS)),
        (clustered, 0.5, PAIRS_TO_FIVES),
        (clustered_binary, 0.7, PAIRS_TO_FIVES),
        (three_components, 0.5, range(ITEMS)),
        (three_levels, LEVELS_MEAN, LEVELS),
        (few_clusters, 0.5, TENS),
    ],
)
def test_a_95_percent_interval_covers_in_93_5_to_96_5_percent(
    draw: Draw, truth: float, clusters: Sequence[int]
) -> None:
    assert 0.935 <= coverage(draw, truth, clusters) <= 0.965


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_the_interval_of_200_right_or_wrong_answers_covers_in_93_5_to_96_5_percent(p: float) -> None:
    # Exact instead of simulated: the interval depends on the number of right answers only, which is binomial.
    covered = [covers(binary_interval(right, ITEMS), p) for right in range(ITEMS + 1)]
    assert 0.935 <= stats.binom.pmf(np.flatnonzero(covered), ITEMS, p).sum() <= 0.965


def binary_interval(right: int, items: int, confidence: float = 0.95) -> Interval:
    return mean_of_means_interval((np.arange(items) < right).astype(float)[:, None], range(items), confidence)


def test_an_80_percent_interval_covers_in_78_to_82_percent() -> None:
    assert 0.78 <= coverage(normal, 0.6, range(ITEMS), confidence=0.8) <= 0.82


@pytest.mark.parametrize(("draw", "truth"), [(clustered, 0.5), (clustered_binary, 0.7), (three_levels, LEVELS_MEAN)])
def test_clusters_taken_for_independent_items_would_undercover(draw: Draw, truth: float) -> None:
    items = len(draw(np.random.default_rng(0)))
    assert coverage(draw, truth, range(items)) < 0.93


spread_values = st.lists(st.floats(0.01, 0.49), min_size=2, max_size=20).filter(lambda values: np.ptp(values) > 0.01)


def mirrored(values: list[float]) -> NDArray[np.float64]:
    """Values without skewness and without a commonest one, so that nothing corrects Student's t."""
    different = np.unique(np.round(values, 6))
    return np.concatenate([different, 1 - different])


@settings(deadline=None, max_examples=50)
@given(spread_values, st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_symmetric_values_without_clusters_have_the_t_interval(drawn: list[float], confidence: float) -> None:
    values = mirrored(drawn)
    ours = mean_of_means_interval(values[:, None], range(len(values)), confidence)
    expected = stats.t.interval(confidence, len(values) - 1, np.mean(values), stats.sem(values))
    assert ours[:2] == pytest.approx(np.clip(expected, 0, 1), abs=1e-9)
    assert ours[2:] == ("t", None)


@settings(deadline=None, max_examples=50)
@given(spread_values, st.integers(2, 5))
def test_clusters_of_one_size_have_the_t_interval_of_their_means(drawn: list[float], size: int) -> None:
    means = mirrored(drawn)
    within = np.linspace(-0.01, 0.01, size)
    values = (means[:, None] + within).reshape(-1, 1)
    ours = mean_of_means_interval(values, np.repeat(np.arange(len(means)), size).tolist())
    expected = stats.t.interval(0.95, len(means) - 1, np.mean(means), stats.sem(means))
    assert ours[:2] == pytest.approx(np.clip(expected, 0, 1), abs=1e-9)
    assert ours.method == "t, cluster-robust"


def test_a_commonest_value_leaves_the_clusters_off_it_as_degrees_of_freedom() -> None:
    values = np.array([0.5] * 10 + [0.2, 0.3, 0.4, 0.6, 0.7, 0.8])
    ours = mean_of_means_interval(values[:, None], range(16))
    assert ours[:2] == pytest.approx(stats.t.interval(0.95, 6, 0.5, stats.sem(values)))


def test_components_on_separate_items_add_their_variances() -> None:
    # So many that m - 1 against n_k - 1 degrees of freedom hardly matters.
    first, second = np.linspace(0.1, 0.9, 600), np.linspace(0.3, 0.5, 300)
    matrix = np.full((900, 2), np.nan)
    matrix[:600, 0], matrix[600:, 1] = first, second
    interval = mean_of_means_interval(matrix, range(900))
    half = 1.96 * np.sqrt(first.var() / 600 + second.var() / 300) / 2
    assert interval[:2] == pytest.approx((0.45 - half, 0.45 + half), rel=0.005)


def test_items_without_any_value_do_not_count() -> None:
    values = np.array([[0.1, 0.2], [0.7, np.nan], [0.5, 0.9], [0.3, 0.3]])
    padded = np.vstack([values, np.full((3, 2), np.nan)])
    assert mean_of_means_interval(padded, range(7)) == mean_of_means_interval(values, range(4))


@settings(deadline=None)
@given(st.integers(1, 99), st.sampled_from([0.8, 0.95, 0.99]))
def test_right_or_wrong_answers_have_wilsons_interval(right: int, confidence: float) -> None:
    interval = binary_interval(right, 100, confidence)
    expected = stats.binomtest(right, 100).proportion_ci(confidence, method="wilson")
    assert interval[:3] == (pytest.approx(expected.low), pytest.approx(expected.high), "Wilson")


@pytest.mark.parametrize("clusters", [range(12), np.repeat(np.arange(4), 3).tolist()], ids=["items", "clusters"])
def test_all_right_and_all_wrong_count_each_cluster_once(clusters: Sequence[int]) -> None:
    m = len(set(clusters))
    right = mean_of_means_interval(np.ones((12, 1)), clusters)
    wrong = mean_of_means_interval(np.zeros((12, 1)), clusters)
    t = stats.t.ppf(0.975, np.inf if m == 12 else m - 1)
    assert right[:2] == pytest.approx((m / (m + t**2), 1.0))
    assert wrong[:2] == pytest.approx((0.0, t**2 / (m + t**2)))


def test_bounds_never_leave_0_and_1_by_rounding() -> None:
    for items in range(2, 300):
        for right in (0, 1, items - 1, items):
            low, high = binary_interval(right, items)[:2]
            assert low is not None
            assert high is not None
            assert 0 <= low < high <= 1


@pytest.mark.parametrize("cluster", [[0.0, 1.0], [0.0, 0.0, 1.0]])
def test_clusters_that_are_all_alike_are_no_evidence_for_more_items_than_there_are(cluster: list[float]) -> None:
    # As in MEDEC, where each note comes right and wrong, for a constant answer. Thirds leave a variance of rounding.
    n = 60 * len(cluster)
    interval = mean_of_means_interval(np.tile(cluster, 60)[:, None], np.repeat(np.arange(60), len(cluster)).tolist())
    p, t = 1 / len(cluster), stats.t.ppf(0.975, 59)
    for bound in interval[:2]:
        assert isinstance(bound, float)
        assert abs(bound - p) == pytest.approx(t * np.sqrt(bound * (1 - bound) / n))


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_equal_values_have_the_exact_interval_of_nothing_else_seen(value: float) -> None:
    values = np.full((50, 1), value)
    values[0] += 1e-13  # neither 0 nor 1, and a variance of rounding
    other = 1 - 0.025 ** (1 / 50)
    interval = mean_of_means_interval(values, range(50))
    assert interval[:2] == pytest.approx((value * (1 - other), value + other * (1 - value)), abs=1e-9)
    assert interval.method == "exact binomial"


def test_equal_values_in_unequal_clusters_count_as_if_the_largest_could_change() -> None:
    clusters = [*np.repeat(np.arange(19), 3).tolist(), 0, 0, 19]
    low, high = mean_of_means_interval(np.full((60, 1), 0.4), clusters)[:2]
    other = (1 - 0.025 ** (1 / 20)) * 5 / 3
    assert (low, high) == pytest.approx((0.4 - other * 0.4, 0.4 + other * 0.6))


def test_values_outside_0_and_1_are_not_cut_and_have_no_exact_bounds() -> None:
    low, high = mean_of_means_interval(np.array([[-3.0], [0.5], [7.0], [9.0]]), range(4))[:2]
    assert low is not None
    assert high is not None
    assert low < -3
    assert high > 9
    assert mean_of_means_interval(np.full((5, 1), 2.0), range(5)).reason is not None


def test_answers_that_are_not_all_right_or_wrong_get_no_wilson_interval() -> None:
    assert mean_of_means_interval(np.array([[0.0], [1.0], [0.5]]), range(3)).method == "t"


@pytest.mark.parametrize(("items", "clusters"), [(1, ["a"]), (3, ["a", "a", "a"])])
def test_one_item_or_one_cluster_has_a_reason_instead(items: int, clusters: list[str]) -> None:
    interval = mean_of_means_interval(np.linspace(0, 0.5, items)[:, None], clusters)
    assert interval[:3] == (None, None, "none")
    assert interval.reason == "one item or one cluster has no interval"


@st.composite
def samples(draw: st.DrawFn, cells: st.SearchStrategy[float]) -> tuple[Matrix, list[str]]:
    """Items with one or two components, the first of which all have, in two clusters or more."""
    rows = draw(st.lists(st.tuples(cells, cells | st.just(np.nan)), min_size=2, max_size=30))
    clusters = ["a", "b", *draw(st.lists(st.sampled_from("abcdef"), min_size=len(rows) - 2, max_size=len(rows) - 2))]
    values = np.array(rows)
    return (values[:, :1] if np.isnan(values[:, 1]).all() else values), clusters


@settings(deadline=None)
@given(samples(st.sampled_from([0.0, 1.0])))
def test_right_or_wrong_answers_have_bounds_within_0_and_1_around_the_score(sample: tuple[Matrix, list[str]]) -> None:
    interval = mean_of_means_interval(*sample)
    assert interval.low is not None
    assert interval.high is not None
    score = np.nanmean(sample[0], axis=0).mean()
    assert 0 <= interval.low <= score + 1e-12
    assert score - 1e-12 <= interval.high <= 1
    assert interval.high - interval.low > 0


@settings(deadline=None)
@given(samples(st.sampled_from([0.0, 1.0])) | samples(st.floats(0, 1)), st.randoms(use_true_random=False))
def test_neither_the_order_of_items_nor_the_names_of_clusters_matter(
    sample: tuple[Matrix, list[str]], random: Random
) -> None:
    values, clusters = sample
    order = random.sample(range(len(values)), len(values))
    renamed = [f"cluster {clusters[n]}" for n in order]
    expected = mean_of_means_interval(values, clusters)
    assert mean_of_means_interval(values[order], renamed)[:2] == pytest.approx(expected[:2], abs=1e-9)
