"""Bootstrap intervals: against scipy's, against plain resampling, and what they cover."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from clueplus.statistics.bootstrap import cluster_bootstrap
from clueplus.statistics.convolution import sum_distribution
from clueplus.statistics.resampling import resampled_sums

Floats = NDArray[np.float64]
VALUES = np.random.default_rng(0).lognormal(-1.5, 0.8, 60)


def micro_f1(sums: Floats) -> Floats:
    matched, predicted, gold = sums.T
    return np.asarray(2 * matched / (predicted + gold))


def counts(rng: np.random.Generator, notes: int) -> Floats:
    """Matched, predicted and gold units of notes of unlike length; the more there are, the more are matched."""
    gold = rng.poisson(6, notes) + 1.0
    predicted = rng.poisson(5, notes) + 1.0
    return np.stack([rng.binomial(np.minimum(gold, predicted).astype(int), 0.6), predicted, gold], axis=1).astype(float)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_a_mean_has_scipys_interval(method: str) -> None:
    ours = cluster_bootstrap(VALUES, range(60), method=method)  # type: ignore[arg-type]
    peer = stats.bootstrap((VALUES,), np.mean, n_resamples=100_000, method=method, rng=1, vectorized=True)
    assert (ours.low, ours.high) == pytest.approx(tuple(peer.confidence_interval), abs=0.002)
    assert ours.se == pytest.approx(peer.standard_error, rel=0.01)
    assert ours.estimate == pytest.approx(VALUES.mean())
    assert (ours.resamples, ours.seed) == (None, None)


def test_a_function_of_sums_has_scipys_interval() -> None:
    notes = counts(np.random.default_rng(1), 50)
    ours = cluster_bootstrap(notes, range(50), micro_f1, resamples=40_000)
    peer = stats.bootstrap(
        tuple(notes.T),
        lambda m, p, g, axis=-1: 2 * m.sum(axis) / (p.sum(axis) + g.sum(axis)),
        paired=True,
        vectorized=True,
        n_resamples=40_000,
        method="BCa",
        rng=2,
    )
    assert (ours.low, ours.high) == pytest.approx(tuple(peer.confidence_interval), abs=0.002)
    assert ours.se == pytest.approx(peer.standard_error, rel=0.02)
    assert ours.estimate == pytest.approx(micro_f1(notes.sum(axis=0)[None])[0])
    assert (ours.resamples, ours.seed, ours.clusters) == (40_000, 0, 50)


def test_the_bias_of_a_curved_statistic_is_corrected_as_scipy_does() -> None:
    ours = cluster_bootstrap(VALUES[:12, None], range(12), lambda sums: sums[:, 0] ** 4, resamples=40_000)
    peer = stats.bootstrap(
        (VALUES[:12],), lambda v, axis: v.sum(axis) ** 4, n_resamples=40_000, method="BCa", rng=2, vectorized=True
    )
    plain = cluster_bootstrap(VALUES[:12, None], range(12), lambda sums: sums[:, 0] ** 4, method="percentile")
    assert (ours.low, ours.high) == pytest.approx(tuple(peer.confidence_interval), rel=0.03)
    assert plain.high < 0.95 * ours.high  # type: ignore[operator]


@pytest.mark.parametrize("items", [12, 60])
def test_the_studentised_interval_is_that_of_plain_resampling(items: int) -> None:
    values, rng = VALUES[:items], np.random.default_rng(3)
    drawn = values[rng.integers(0, items, (40_000, items))]
    t = (drawn.mean(axis=1) - values.mean()) / (drawn.std(axis=1, ddof=1) / np.sqrt(items))
    tails = -stats.sem(values) * np.quantile(t, [0.975, 0.025])
    ours = cluster_bootstrap(values, range(items), method="studentised", resamples=40_000)
    assert ours.low is not None
    assert ours.high is not None
    assert (ours.low - values.mean(), ours.high - values.mean()) == pytest.approx(tuple(tails), rel=0.04)
    assert ours.se == pytest.approx(stats.sem(values))


def test_clusters_are_drawn_as_wholes() -> None:
    labels = np.repeat(np.arange(60), 3)
    ours = cluster_bootstrap(np.repeat(VALUES, 3), labels.tolist())
    single = cluster_bootstrap(VALUES, range(60))
    assert (ours.low, ours.high) == pytest.approx((single.low, single.high))
    assert ours.clusters == 60
    notes = counts(np.random.default_rng(1), 50)
    doubled = cluster_bootstrap(np.repeat(notes, 2, axis=0), np.repeat(np.arange(50), 2).tolist(), micro_f1)
    assert doubled.low == pytest.approx(cluster_bootstrap(notes, range(50), micro_f1).low)


@pytest.mark.parametrize("method", ["percentile", "bca", "studentised"])
def test_a_mirrored_sample_has_the_mirrored_interval(method: str) -> None:
    one = cluster_bootstrap(VALUES, range(60), method=method, resamples=20_000)  # type: ignore[arg-type]
    other = cluster_bootstrap(-VALUES, range(60), method=method, resamples=20_000)  # type: ignore[arg-type]
    assert one.low is not None
    assert one.high is not None
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=0.003)


def test_a_wider_confidence_has_a_wider_interval() -> None:
    wide, narrow = (cluster_bootstrap(VALUES, range(60), confidence=c) for c in (0.99, 0.8))
    assert wide.low < narrow.low < narrow.high < wide.high  # type: ignore[operator]


def test_equal_seeds_give_equal_intervals_on_any_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(5).random((3000, 3))
    expected = cluster_bootstrap(values, range(3000), micro_f1, resamples=1000, seed=3)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert cluster_bootstrap(values, range(3000), micro_f1, resamples=1000, seed=3) == expected
    assert cluster_bootstrap(values, range(3000), micro_f1, resamples=1000, seed=4) != expected


@pytest.mark.parametrize("clusters", [40, 700, 70_000])
def test_resampled_sums_have_the_mean_and_the_variance_of_draws_with_replacement(clusters: int) -> None:
    rows = np.random.default_rng(1).normal(0.1, 1, (clusters, 2))
    drawn = resampled_sums(rows, 3000 if clusters < 1000 else 300, 7)
    spread = rows.std(axis=0) * np.sqrt(clusters)
    assert (drawn.mean(axis=0) - rows.sum(axis=0)) / spread == pytest.approx([0, 0], abs=4 / np.sqrt(len(drawn)))
    assert drawn.std(axis=0) / spread == pytest.approx([1, 1], abs=0.04 if clusters < 1000 else 0.15)
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(np.corrcoef(rows.T)[0, 1], abs=0.2)


def test_few_distinct_rows_are_drawn_as_counts_with_the_same_distribution() -> None:
    rows = np.array([[0.0]] * 70 + [[1.0]] * 30)
    drawn = resampled_sums(rows, 20_000, 1)[:, 0]
    for k in (22, 30, 38):
        assert (drawn <= k).mean() == pytest.approx(stats.binom.cdf(k, 100, 0.3), abs=0.012)


@pytest.mark.parametrize("size", [2, 5, 40])
def test_the_distribution_of_a_sum_is_that_of_draws(size: int) -> None:
    values = np.random.default_rng(size).lognormal(0, 1, size)
    values -= values.mean()
    drawn = values[np.random.default_rng(1).integers(0, size, (200_000, size))].sum(axis=1)
    drawn[np.abs(drawn) < 1e-9] = 0
    distribution = sum_distribution(values)
    for q in (0.025, 0.3, 0.975):
        at = distribution.quantile(q)
        slack = 1e-3 * drawn.std()
        assert (drawn < at - slack).mean() <= q + 0.004
        assert (drawn <= at + slack).mean() >= q - 0.004
    assert distribution.below_zero() == pytest.approx(((drawn < 0).mean() + (drawn <= 0).mean()) / 2, abs=0.004)


def test_the_distribution_of_right_or_wrong_answers_is_binomial() -> None:
    values = np.array([1.0] * 12 + [0.0] * 48) - 0.2
    distribution = sum_distribution(values)
    for q in (0.025, 0.4, 0.975):
        assert distribution.quantile(q) + 12 == pytest.approx(stats.binom.ppf(q, 60, 0.2), abs=0.05)
    assert distribution.below_zero() == pytest.approx(stats.binom.cdf(11.5, 60, 0.2) + stats.binom.pmf(12, 60, 0.2) / 2)


@pytest.mark.parametrize(("method", "lowest"), [("bca", 0.925), ("studentised", 0.935)])
def test_intervals_of_a_skewed_mean_cover_in_about_95_percent(method: str, lowest: float) -> None:
    rng = np.random.default_rng(9)
    covered = 0
    for _ in range(800):
        found = cluster_bootstrap(rng.exponential(1, 60), range(60), method=method, resamples=1000)  # type: ignore[arg-type]
        covered += found.low <= 1 <= found.high  # type: ignore[operator]
    assert lowest <= covered / 800 <= 0.965


@pytest.mark.parametrize("method", ["percentile", "bca", "studentised"])
def test_values_without_spread_have_no_interval_and_a_reason(method: str) -> None:
    found = cluster_bootstrap(np.full(20, 0.3), range(20), method=method)  # type: ignore[arg-type]
    assert found[:4] == (pytest.approx(0.3), None, None, None)
    assert found.reason == "the resamples do not vary enough"


def test_a_statistic_without_spread_or_without_a_value_has_no_interval() -> None:
    same = np.tile([3.0, 5.0, 6.0], (10, 1))
    assert cluster_bootstrap(same, range(10), micro_f1).reason == "the resamples do not vary enough"
    rare = np.array([[0.0, 0.0, 0.0]] * 9 + [[1.0, 1.0, 1.0]])
    with np.errstate(invalid="ignore"):
        assert cluster_bootstrap(rare, range(10), micro_f1).reason == "the resamples do not vary enough"


def test_two_clusters_have_no_studentised_interval() -> None:
    assert cluster_bootstrap(np.array([0.1, 0.4]), "ab", method="studentised").low is None


@pytest.mark.parametrize(
    ("items", "reason"), [(0, "no item has a score"), (3, "one item or one cluster has no interval")]
)
def test_less_than_two_clusters_have_a_reason_instead(items: int, reason: str) -> None:
    found = cluster_bootstrap(np.linspace(0, 1, items), ["a"] * items)
    assert found[:4] == (None, None, None, None)
    assert found.reason == reason


def test_a_missing_value_leaves_no_interval() -> None:
    assert cluster_bootstrap(np.array([0.1, np.nan, 0.3]), "abc").reason == "an item has no value"


def test_labels_are_one_an_item_and_studentising_is_for_means() -> None:
    with pytest.raises(ValueError, match="3 items, 2 labels"):
        cluster_bootstrap(np.zeros(3), "ab")
    with pytest.raises(ValueError, match="studentised"):
        cluster_bootstrap(np.zeros((3, 3)), "abc", micro_f1, method="studentised")
