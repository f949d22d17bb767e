"""Exact McNemar and sign flips: against statsmodels and enumeration, their size, and what they do with nothing."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clueplus.statistics.discordance import mcnemar, sign_flip


def answers(gains: int, losses: int, both: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    baseline = [0.0] * gains + [1.0] * losses + [1.0] * both + [0.0] * neither
    candidate = [1.0] * gains + [0.0] * losses + [1.0] * both + [0.0] * neither
    return np.array(baseline), np.array(candidate)


few = st.integers(0, 15)


@settings(deadline=None)
@given(few, few, few, few)
def test_statsmodels_has_the_same_mcnemar(gains: int, losses: int, both: int, neither: int) -> None:
    from statsmodels.stats.contingency_tables import mcnemar as peer

    found = mcnemar(*answers(gains, losses, both, neither))
    assert (found.gains, found.losses) == (gains, losses)
    if gains + losses:
        expected = peer([[both, losses], [gains, neither]], exact=True).pvalue
        assert found.p == pytest.approx(min(1.0, expected), abs=1e-12)
        assert found.less == pytest.approx(stats.binom.cdf(gains, gains + losses, 0.5))
        assert found.greater == pytest.approx(stats.binom.cdf(losses, gains + losses, 0.5))
    else:
        assert found[2:] == (1.0, 1.0, 1.0)


def test_a_pair_with_a_missing_side_is_left_out() -> None:
    baseline, candidate = np.array([0.0, np.nan, 0.0, 1.0]), np.array([1.0, 1.0, np.nan, 0.0])
    assert mcnemar(baseline, candidate)[:2] == (1, 1)


def test_mcnemar_is_for_0_and_1_and_equal_shapes() -> None:
    with pytest.raises(ValueError, match="0 and 1"):
        mcnemar(np.array([0.5]), np.array([1.0]))
    for other in (np.zeros(3), np.zeros((2, 1))):
        with pytest.raises(ValueError, match="against"):
            mcnemar(np.zeros(2), other)


def test_mcnemar_rejects_a_true_null_in_no_more_than_5_percent() -> None:
    # By enumeration: the discordant pairs are binomial.
    n = 40
    size = sum(
        stats.binom.pmf(gains, n, 0.5) for gains in range(n + 1) if mcnemar(*answers(gains, n - gains, 0, 0)).p < 0.05
    )
    assert 0.02 < size <= 0.05


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9), st.lists(st.sampled_from("abcd"), min_size=9, max_size=9))
def test_few_clusters_are_enumerated(differences: list[int], labels: list[str]) -> None:
    clusters = labels[: len(differences)]
    found = sign_flip(np.array(differences) / 4, clusters)
    sums = [sum(d for d, c in zip(differences, clusters, strict=True) if c == label) for label in sorted(set(clusters))]
    totals = [sum(map(int.__mul__, sums, signs)) for signs in itertools.product([-1, 1], repeat=len(sums))]
    observed = sum(sums)
    assert found.exact
    assert found.mean == pytest.approx(observed / 4 / len(differences))
    assert found.p == pytest.approx(np.mean([abs(total) >= abs(observed) for total in totals]))
    assert found.less == pytest.approx(np.mean([total <= observed for total in totals]))
    assert found.greater == pytest.approx(np.mean([total >= observed for total in totals]))


def test_many_clusters_are_drawn_and_agree_with_scipy() -> None:
    differences = np.random.default_rng(0).normal(0.02, 0.1, 60)
    found = sign_flip(differences, range(60), resamples=40_000)
    peer = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=40_000, rng=1, alternative="two-sided"
    )
    assert (found.exact, found.flips) == (False, 40_000)
    assert found.p == pytest.approx(peer.pvalue, abs=0.012)
    assert found.greater == pytest.approx(found.p / 2, abs=0.006)
    assert found.less == pytest.approx(1 - found.greater, abs=1e-3)


def test_drawn_and_enumerated_agree() -> None:
    differences = np.random.default_rng(3).normal(0.05, 0.1, 12)
    exact = sign_flip(differences, range(12), resamples=4096)
    drawn = sign_flip(differences, range(12), resamples=4095, seed=1)
    assert (exact.exact, exact.flips, drawn.exact, drawn.flips) == (True, 4096, False, 4095)
    assert exact.p == pytest.approx(drawn.p, abs=0.02)
    assert exact.less == pytest.approx(drawn.less, abs=0.02)


def test_equal_seeds_give_equal_p_values_and_others_do_not() -> None:
    differences = np.random.default_rng(1).normal(0.01, 0.1, 50)
    assert sign_flip(differences, range(50), seed=5) == sign_flip(differences, range(50), seed=5)
    assert sign_flip(differences, range(50), seed=5) != sign_flip(differences, range(50), seed=6)


def test_a_drawn_p_value_is_never_0() -> None:
    found = sign_flip(np.full(40, 0.5), range(40), resamples=999)
    assert found.p == found.greater == 1 / 1000
    assert found.less == 1


def test_nothing_to_flip_is_no_evidence() -> None:
    assert sign_flip(np.zeros(5), range(5))[:6] == (0.0, 1.0, 1.0, 1.0, 1, True)
    assert sign_flip(np.zeros(0), []).reason == "no item has a score"
    assert sign_flip(np.array([0.1, np.nan]), "ab")[1:] == (None, None, None, 0, False, "an item has no value")


def test_clusters_are_flipped_as_wholes_and_reject_a_true_null_in_5_percent() -> None:
    rng = np.random.default_rng(8)
    labels = np.repeat(np.arange(25), 4)
    by_cluster = by_item = 0
    for _ in range(1000):
        differences = rng.standard_t(3, 25)[labels] + rng.normal(0, 0.5, 100)
        by_cluster += sign_flip(differences, labels.tolist(), resamples=499).p < 0.05  # type: ignore[operator]
        by_item += sign_flip(differences, range(100), resamples=499).p < 0.05  # type: ignore[operator]
    assert 0.035 <= by_cluster / 1000 <= 0.065
    assert by_item / 1000 > 0.2
