"""Paired differences: what they are, what they cover, and what they say when nearly nothing or nothing differs."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.special import xlogy

from clueplus.metrics.components import mean_of_components
from clueplus.statistics.paired import Difference, paired_difference, paired_influence

Matrix = NDArray[np.float64]
Draw = Callable[[np.random.Generator], tuple[Matrix, Matrix]]

REPETITIONS = 4000


def column(values: Sequence[float]) -> Matrix:
    return np.array(values, dtype=np.float64)[:, None]


def answers(gains: int, losses: int, same: int) -> tuple[Matrix, Matrix]:
    """Right or wrong answers of two sides, so many of each kind; of the same, one in three is right."""
    baseline = [0.0] * gains + [1.0] * losses + [float(i % 3 == 0) for i in range(same)]
    candidate = [1.0] * gains + [0.0] * losses + [float(i % 3 == 0) for i in range(same)]
    return column(baseline), column(candidate)


def bounds(difference: Difference) -> tuple[float, float]:
    assert difference.low is not None
    assert difference.high is not None
    return difference.low, difference.high


# What the difference is.


@st.composite
def comparisons(draw: st.DrawFn, all_or_nothing: bool | None = None) -> tuple[Matrix, Matrix, list[str]]:
    """Two sides with one to three components, each side with gaps of its own; the first item has all."""
    items, components = draw(st.integers(3, 25)), draw(st.integers(1, 3))
    binary = draw(st.booleans()) if all_or_nothing is None else all_or_nothing
    cells = st.sampled_from([0.0, 1.0]) if binary else st.floats(0, 1)
    gaps = draw(st.booleans())
    rows = st.lists(cells | st.just(math.nan) if gaps else cells, min_size=components, max_size=components)
    sides = [np.array(draw(st.lists(rows, min_size=items, max_size=items))) for _ in range(2)]
    for side in sides:
        side[0] = np.nan_to_num(side[0], nan=1.0)
    labels = draw(st.lists(st.sampled_from("abcdefgh"), min_size=items - 2, max_size=items - 2))
    return sides[0], sides[1], ["a", "b", *labels]


def as_items(values: Matrix) -> list[dict[str, float | None]]:
    return [{str(k): None if math.isnan(cell) else cell for k, cell in enumerate(row)} for row in values]


@settings(deadline=None)
@given(comparisons())
def test_delta_is_the_difference_of_the_two_columns(sides: tuple[Matrix, Matrix, list[str]]) -> None:
    baseline, candidate, clusters = sides
    expected = mean_of_components(as_items(candidate)) - mean_of_components(as_items(baseline))
    difference = paired_difference(baseline, candidate, clusters)
    assert difference.delta == pytest.approx(expected, abs=1e-12)
    assert paired_influence(baseline, candidate).mean() == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(comparisons())
def test_the_interval_is_around_delta_within_minus_1_and_1_and_never_of_no_width(
    sides: tuple[Matrix, Matrix, list[str]],
) -> None:
    difference = paired_difference(*sides)
    if difference.clusters < 2:
        assert difference.reason
        return
    low, high = bounds(difference)
    assert difference.delta is not None
    assert difference.se is not None
    assert difference.df is not None
    assert -1 <= low <= difference.delta + 1e-9
    assert difference.delta - 1e-9 <= high <= 1
    assert high - low > 1e-3
    assert difference.se > 0
    assert 1 <= difference.df <= difference.clusters - 1


@settings(deadline=None)
@given(comparisons(), st.floats(-0.99, 0.99), st.sampled_from([0.005, 0.025, 0.05, 0.2]))
def test_a_bound_excludes_a_shift_exactly_when_its_p_value_is_below_alpha(
    sides: tuple[Matrix, Matrix, list[str]], shift: float, alpha: float
) -> None:
    difference = paired_difference(*sides)
    p, lower, upper = difference.one_sided_p(shift), difference.lower(alpha), difference.upper(alpha)
    if p is None or lower is None or upper is None:
        assert difference.low is None
        return
    if abs(lower - shift) > 1e-9:
        assert (p.greater < alpha) == (lower > shift)
    if abs(upper - shift) > 1e-9:
        assert (p.less < alpha) == (upper < shift)
    at_lower, at_upper = difference.one_sided_p(lower), difference.one_sided_p(upper)
    assert lower < -1 + 1e-9 or at_lower.greater == pytest.approx(alpha, abs=1e-6)  # type: ignore[union-attr]
    assert upper > 1 - 1e-9 or at_upper.less == pytest.approx(alpha, abs=1e-6)  # type: ignore[union-attr]
    assert difference.two_sided_p(shift) == min(1.0, 2 * min(p))


@settings(deadline=None)
@given(comparisons())
def test_bounds_widen_and_p_values_fall_as_they_should(sides: tuple[Matrix, Matrix, list[str]]) -> None:
    difference = paired_difference(*sides)
    if difference.pivot is None:
        return
    levels = [0.4, 0.2, 0.05, 0.025, 0.001]
    assert all(a >= b - 1e-12 for a, b in pairwise(difference.pivot.lower(alpha) for alpha in levels))
    assert all(a <= b + 1e-12 for a, b in pairwise(difference.pivot.upper(alpha) for alpha in levels))
    shifts = np.linspace(-1.2, 1.2, 25)
    assert all(a <= b + 1e-12 for a, b in pairwise(difference.pivot.p_greater(shift) for shift in shifts))
    assert all(a >= b - 1e-12 for a, b in pairwise(difference.pivot.p_less(shift) for shift in shifts))
    assert bounds(difference) == pytest.approx((difference.lower(0.025), difference.upper(0.025)), abs=1e-9)


@settings(deadline=None)
@given(comparisons())
def test_sides_that_change_places_mirror_the_interval(sides: tuple[Matrix, Matrix, list[str]]) -> None:
    baseline, candidate, clusters = sides
    one, other = paired_difference(baseline, candidate, clusters), paired_difference(candidate, baseline, clusters)
    if one.low is None:
        assert one.reason == other.reason
        return
    low, high = bounds(one)
    assert bounds(other) == pytest.approx((-high, -low), abs=1e-9)
    assert other.se == pytest.approx(one.se)


@settings(deadline=None)
@given(comparisons(), st.randoms(use_true_random=False))
def test_neither_order_nor_names_nor_empty_rows_matter(sides: tuple[Matrix, Matrix, list[str]], random: Random) -> None:
    baseline, candidate, clusters = sides
    order = list(range(len(baseline)))
    random.shuffle(order)
    nothing = np.full((2, baseline.shape[1]), np.nan)
    again = paired_difference(
        np.vstack([baseline[order], nothing]),
        np.vstack([candidate[order], nothing]),
        [*(f"cluster {clusters[i]}" for i in order), "cluster a", "another"],
    )
    expected = paired_difference(baseline, candidate, clusters)
    assert (again.n, again.clusters, again.method) == (expected.n, expected.clusters, expected.method)
    assert again.delta == pytest.approx(expected.delta, abs=1e-9)
    assert (again.low, again.high) == pytest.approx((expected.low, expected.high), abs=1e-7)


def test_symmetric_differences_have_the_paired_t_interval_and_p() -> None:
    half = np.random.default_rng(3).uniform(-0.3, 0.4, 18)
    symmetric = np.concatenate([half, 0.1 - half])
    baseline = np.linspace(0.4, 0.5, len(symmetric))
    difference = paired_difference(column(baseline), column(baseline + symmetric), range(len(symmetric)))
    test = stats.ttest_rel(baseline + symmetric, baseline)
    assert bounds(difference) == pytest.approx(test.confidence_interval(), abs=1e-6)
    assert difference.two_sided_p() == pytest.approx(test.pvalue, rel=1e-4)
    assert difference.one_sided_p(0.03).greater == pytest.approx(  # type: ignore[union-attr]
        stats.ttest_1samp(symmetric, 0.03, alternative="greater").pvalue, rel=1e-4
    )
    assert difference.method == "t"
    assert difference.df == len(symmetric) - 1


def test_a_component_that_only_some_items_have_weighs_as_much_as_one_that_all_have() -> None:
    baseline = np.array([[0.2, 0.4], [0.4, np.nan], [0.6, 0.8], [0.1, np.nan]])
    candidate = np.array([[0.3, np.nan], [0.4, 0.5], [0.9, 0.9], [0.1, 0.1]])
    difference = paired_difference(baseline, candidate, range(4))
    assert difference.delta == pytest.approx((1.7 / 4 + 1.5 / 3) / 2 - (1.3 / 4 + 1.2 / 2) / 2)
    # By hand: the weights are n / (K n_k), 1/2 for the first component and, for the second, 1 and 2/3.
    of_baseline = np.array([0.2, 0.4, 0.6, 0.1]) / 2 - 1.3 / 8 + np.array([0.4 - 0.6, 0, 0.8 - 0.6, 0])
    of_candidate = np.array([0.3, 0.4, 0.9, 0.1]) / 2 - 1.7 / 8 + np.array([0, 0.0, 0.4, -0.4]) * 2 / 3
    influence = of_candidate - of_baseline
    assert difference.se == pytest.approx(math.sqrt((influence**2).sum() / 16 * 4 / 3))


def test_without_gaps_an_items_influence_is_its_difference() -> None:
    baseline, candidate = np.array([[0.1, 0.3], [0.5, 0.5]]), np.array([[0.2, 0.7], [0.5, 0.1]])
    assert paired_influence(baseline, candidate) == pytest.approx([0.25, -0.2])


def test_clusters_are_summed_before_they_are_squared() -> None:
    d = np.array([0.1, 0.2, -0.1, 0.3, 0.0, 0.05])
    difference = paired_difference(column([0.3] * 6), column(0.3 + d), list("aabbbc"))
    centred = d - d.mean()
    sums = np.array([centred[:2].sum(), centred[2:5].sum(), centred[5]])
    assert difference.se == pytest.approx(math.sqrt((sums**2).sum() / 36 * 3 / 2))
    assert (difference.n, difference.clusters, difference.df) == (6, 3, 2.0)
    assert difference.method == "t, cluster-robust"


# Right or wrong answers: Tango's interval, exactly.


@pytest.mark.parametrize(("gains", "losses", "same"), [(12, 5, 83), (0, 1, 43), (7, 0, 30), (3, 3, 10)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_right_or_wrong_answers_have_tangos_interval(gains: int, losses: int, same: int, confidence: float) -> None:
    difference = paired_difference(*answers(gains, losses, same), range(gains + losses + same), confidence=confidence)
    z = stats.norm.ppf((1 + confidence) / 2)
    assert difference.method == "Tango"
    for bound, side in zip(bounds(difference), (1, -1), strict=True):
        assert score_statistic(gains, losses, gains + losses + same, bound) == pytest.approx(side * z, rel=1e-3)


def score_statistic(gains: int, losses: int, n: int, shift: float) -> float:
    """The score statistic with the constrained likelihood maximised by search instead of Tango's formula."""
    low = max(0.0, -shift)
    share = np.linspace(low, (1 - shift) / 2, 200_001)[1:-1]  # of losses; gains are `shift` more
    rest = 1 - 2 * share - shift
    likelihood = xlogy(losses, share) + xlogy(gains, share + shift) + xlogy(n - gains - losses, rest)
    q = share[likelihood.argmax()]
    return float((gains - losses - n * shift) / math.sqrt(n * (2 * q + shift - shift**2)))


def test_at_no_difference_tangos_test_is_mcnemars() -> None:
    p = paired_difference(*answers(14, 4, 50), range(68)).two_sided_p()
    assert p == pytest.approx(2 * stats.norm.sf(10 / math.sqrt(18)))


@pytest.mark.parametrize("losses", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("gains", [0.02, 0.05, 0.2])
def test_the_interval_of_right_or_wrong_answers_covers_by_enumeration(gains: float, losses: float) -> None:
    # Exact: the interval depends on the numbers of gains and losses only, which are multinomial. Between 10 and 90%
    # of 100 answers differ from one side to the other by at least two on either side.
    n, covered, total = 100, 0.0, 0.0
    for g in range(n + 1):
        for x in range(n + 1 - g):
            probability = multinomial(g, x, n, gains, losses)
            if probability < 1e-6:
                continue
            p = paired_difference(*answers(g, x, n - g - x), range(n)).two_sided_p(gains - losses)
            assert p is not None
            covered += probability * (p >= 0.05)
            total += probability
    assert total > 0.998
    assert 0.935 <= covered / total <= (0.965 if gains + losses >= 0.07 else 0.99)


def multinomial(g: int, x: int, n: int, gains: float, losses: float) -> float:
    logs = math.lgamma(n + 1) - math.lgamma(g + 1) - math.lgamma(x + 1) - math.lgamma(n - g - x + 1)
    return math.exp(logs + g * math.log(gains) + x * math.log(losses) + (n - g - x) * math.log(1 - gains - losses))


# Coverage by simulation. The standard error of 95% in 4,000 repetitions is 0.34 points.


def normal(rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    baseline = rng.normal(0.5, 0.08, (60, 1))
    return baseline, baseline + rng.normal(-0.02, 0.05, (60, 1))


def skewed(rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Losses only, of which a few are large."""
    baseline = np.full((120, 1), 0.9)
    return baseline, baseline - 0.9 * rng.beta(1, 5, (120, 1))


def capped(rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    return rng.lognormal(-2, 0.7, (200, 1)).clip(0, 1), rng.lognormal(-1.8, 0.7, (200, 1)).clip(0, 1)


CAPPED = float(
    stats.lognorm(0.7, scale=np.exp(-1.8)).expect(lambda x: np.minimum(x, 1.0))
    - stats.lognorm(0.7, scale=np.exp(-2)).expect(lambda x: np.minimum(x, 1.0))
)


def overlap_scores(rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    """As ROUGE: three components, two answers of five the same, one component missing here or there."""
    baseline, candidate = rng.beta(1.2, 4, (150, 3)), rng.beta(1.1, 4, (150, 3))
    candidate = np.where(rng.random((150, 1)) < 0.4, baseline, candidate)
    for side in (baseline, candidate):
        side[rng.random(150) < 0.2, 1] = np.nan
    return baseline, candidate


OVERLAP = 0.6 * (1.1 / 5.1 - 1.2 / 5.2)
THIRTIES = np.repeat(np.arange(30), np.resize([2, 6, 10], 30))
THREES = np.repeat(np.arange(60), 3)


def clustered(rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    baseline = rng.uniform(0.4, 0.6, len(THIRTIES))
    change = rng.normal(0.03, 0.04, 30)[THIRTIES] + rng.normal(0, 0.05, len(THIRTIES))
    return baseline[:, None], (baseline + change)[:, None]


def clustered_binary(rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Both sides know or do not know a cluster, and now and then miss."""

    def side(rate: float) -> Matrix:
        right = np.where(rng.random(180) < 0.7, (rng.random(60) < rate)[THREES], rng.random(180) < rate)
        return right.astype(float)[:, None]

    return side(0.7), side(0.6)


@pytest.mark.parametrize(
    ("draw", "truth", "clusters"),
    [
        (normal, -0.02, range(60)),
        (skewed, -0.15, range(120)),
        (capped, CAPPED, range(200)),
        (overlap_scores, OVERLAP, range(150)),
        (clustered, 0.03, THIRTIES.tolist()),
        (clustered_binary, -0.1, THREES.tolist()),
    ],
)
def test_a_95_percent_interval_covers_in_93_5_to_96_5_percent_and_each_bound_errs_in_5(
    draw: Draw, truth: float, clusters: Sequence[int]
) -> None:
    rng = np.random.default_rng(11)
    p = np.array([paired_difference(*draw(rng), clusters).one_sided_p(truth) for _ in range(REPETITIONS)])
    assert 0.935 <= (p.min(axis=1) > 0.025).mean() <= 0.965
    assert (p < 0.05).mean(axis=0).max() <= 0.065


@pytest.mark.parametrize("share", [0.3, 0.1, 0.03])
def test_where_few_answers_change_the_lower_bound_is_not_too_high(share: float) -> None:
    # Ties but for losses of unlike sizes: plain t bounds are above the truth in 8 to 12%.
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(2000):
        losses = 0.9 * rng.beta(1, 5, 200) * (rng.random(200) < share)
        lower = paired_difference(column([0.9] * 200), column(0.9 - losses), range(200)).lower(0.05)
        assert lower is not None
        wrong += lower > -share * 0.15
    assert wrong / 2000 <= 0.065


def test_clusters_taken_for_independent_items_would_undercover() -> None:
    rng = np.random.default_rng(11)
    p = np.array([paired_difference(*clustered(rng), range(180)).two_sided_p(0.03) for _ in range(1000)])
    assert (p > 0.05).mean() < 0.85


# Where there is little or nothing to go by.


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("change", [0.0, 0.6, -0.2])
def test_equal_differences_leave_room_for_what_was_not_seen(value: float, change: float) -> None:
    candidate = min(1.0, max(0.0, value + change))
    difference = paired_difference(column([value] * 40), column([candidate] * 40), range(40))
    unseen, delta = 1 - 0.025 ** (1 / 40), candidate - value
    expected = delta - unseen * (delta + 1), delta + unseen * (1 - delta)
    assert bounds(difference) == pytest.approx(expected, abs=1e-9)
    assert difference.method == "exact binomial"
    assert difference.se == pytest.approx((expected[1] - expected[0]) / 2 / stats.norm.ppf(0.975))
    assert difference.df == 39


def test_no_change_in_n_answers_is_the_rule_of_three() -> None:
    difference = paired_difference(*answers(0, 0, 300), range(300))
    assert difference.lower(0.05) == pytest.approx(-3 / 300, rel=0.01)
    assert difference.upper(0.05) == pytest.approx(3 / 300, rel=0.01)
    assert difference.one_sided_p(-0.02).greater == pytest.approx(0.98**300)  # type: ignore[union-attr]
    assert difference.one_sided_p(0.02).less == pytest.approx(0.98**300)  # type: ignore[union-attr]


def test_equal_differences_in_clusters_count_each_cluster_once_and_by_its_size() -> None:
    even = paired_difference(*answers(0, 0, 60), np.repeat(np.arange(20), 3).tolist())
    assert even.lower(0.05) == pytest.approx(-(1 - 0.05 ** (1 / 20)))
    uneven = paired_difference(*answers(0, 0, 60), [*np.repeat(np.arange(19), 3).tolist(), 0, 0, 19])
    assert uneven.lower(0.05) == pytest.approx(-(1 - 0.05 ** (1 / 20)) * 5 / 3)


def test_one_deviation_does_not_tell_how_large_others_are() -> None:
    same, changed = column([0.5] * 100), column([0.5] * 99 + [0.49])
    difference = paired_difference(same, changed, range(100))
    assert difference.lower(0.05) == pytest.approx(-stats.beta.ppf(0.95, 2, 99))
    assert difference.upper(0.05) == pytest.approx(1 - 0.05**0.01)


def test_two_losses_are_no_worse_than_if_they_had_been_as_large_as_can_be() -> None:
    difference = paired_difference(column([0.9] * 100), column([0.9] * 98 + [0.1, 0.0]), range(100))
    assert difference.df == 2
    assert difference.lower(0.05) == pytest.approx(-stats.beta.ppf(0.95, 3, 98))
    assert difference.one_sided_p(-0.07).greater == pytest.approx(stats.binom.cdf(2, 100, 0.07))  # type: ignore[union-attr]


def test_two_gains_are_no_better_than_if_they_had_been_as_large_as_can_be() -> None:
    difference = paired_difference(column([0.1] * 100), column([0.1] * 98 + [0.9, 1.0]), range(100))
    assert difference.upper(0.05) == pytest.approx(stats.beta.ppf(0.95, 3, 98))
    assert difference.one_sided_p(0.07).less == pytest.approx(stats.binom.cdf(2, 100, 0.07))  # type: ignore[union-attr]


def test_skewed_differences_have_halls_bounds() -> None:
    losses = np.linspace(0.01, 0.5, 30) ** 2
    difference = paired_difference(column([0.9] * 30), column(0.9 - losses), range(30))
    a = -stats.skew(losses) / math.sqrt(30)
    for bound, alpha in ((difference.lower(0.05), 0.05), (difference.upper(0.05), 0.95)):
        assert bound is not None
        t = (-losses.mean() - bound) / stats.sem(losses)
        assert t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6 == pytest.approx(-stats.t.ppf(alpha, 29))


def test_answers_that_change_within_clusters_only_are_no_certainty() -> None:
    baseline, candidate = column([0.0, 1.0] * 30), column([1.0, 0.0] * 30)
    difference = paired_difference(baseline, candidate, np.repeat(np.arange(30), 2).tolist())
    assert bounds(difference) == pytest.approx((-(1 - 0.025 ** (1 / 30)), 1 - 0.025 ** (1 / 30)))


def test_components_that_each_change_as_one_are_no_certainty() -> None:
    baseline = np.array([[0.0, np.nan]] * 10 + [[np.nan, 0.0]] * 20)
    candidate = np.array([[1.0, np.nan]] * 10 + [[np.nan, 0.0]] * 20)
    low, high = bounds(paired_difference(baseline, candidate, range(30)))
    assert low < 0.4
    assert high > 0.6


def test_clusters_that_agree_by_chance_are_no_evidence_for_more_pairs_than_there_are() -> None:
    # Each cluster but one gains and loses as much: the sandwich sees nearly no variance.
    baseline = column([0.0, 1.0] * 30)
    candidate = column([1.0, 0.0] * 29 + [1.0, 1.0])
    labels = np.repeat(np.arange(30), 2).tolist()
    low, high = bounds(paired_difference(baseline, candidate, labels))
    independent = bounds(paired_difference(baseline, candidate, range(60)))
    assert high - low >= independent[1] - independent[0]


@pytest.mark.parametrize(
    ("baseline", "candidate", "clusters", "delta", "reason"),
    [
        (np.zeros((0, 1)), np.zeros((0, 1)), [], None, "no item has a score"),
        (np.full((3, 1), np.nan), np.full((3, 1), np.nan), "abc", None, "no item has a score"),
        (column([0.2]), column([0.5]), "a", 0.3, "one item or one cluster has no interval"),
        (column([0.2, 0.4]), column([0.5, 0.5]), "aa", 0.2, "one item or one cluster has no interval"),
        (
            np.array([[0.1, 0.2]] * 3),
            np.array([[0.1, np.nan], [np.nan, np.nan], [0.2, np.nan]]),
            "abc",
            None,
            "no value in the candidate's component 2",
        ),
        (np.full((3, 1), np.nan), np.zeros((3, 1)), "abc", None, "no value in the baseline's component 1"),
        (column([0.1, 0.2]), column([0.1, math.inf]), "ab", None, "a score is infinite"),
        (column([-math.inf, 0.2]), column([0.1, 0.2]), "ab", None, "a score is infinite"),
    ],
)
def test_what_does_not_exist_has_a_reason_instead(
    baseline: Matrix, candidate: Matrix, clusters: Sequence[str], delta: float | None, reason: str
) -> None:
    difference = paired_difference(baseline, candidate, list(clusters))
    assert difference.delta == (None if delta is None else pytest.approx(delta))
    assert (difference.se, difference.df, difference.low, difference.high) == (None, None, None, None)
    assert difference.reason == reason
    assert difference.one_sided_p(0.0) is None
    assert difference.two_sided_p() is None
    assert difference.lower(0.05) is None
    assert difference.upper(0.05) is None


def test_scores_outside_0_and_1_have_intervals_that_are_not_cut_and_none_without_spread() -> None:
    low, high = bounds(paired_difference(column([0, 0, 0, 0]), column([-3, 5, 7, 9]), range(4)))
    assert low < -3
    assert high > 9
    assert paired_difference(column([0, 0]), column([5, 5]), range(2)).reason is not None


@pytest.mark.parametrize(
    ("baseline", "candidate", "clusters"),
    [(np.zeros((3, 1)), np.zeros((2, 1)), "abc"), (np.zeros(3), np.zeros(3), "abc"), (np.zeros((3, 1)),) * 2 + ("ab",)],
)
def test_sides_of_unlike_shape_are_refused(baseline: Matrix, candidate: Matrix, clusters: str) -> None:
    with pytest.raises(ValueError, match="cluster labels"):
        paired_difference(baseline, candidate, list(clusters))
