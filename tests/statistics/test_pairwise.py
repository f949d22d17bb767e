"""All pairs at once give what `paired` and `macro` give one pair at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.statistics.macro import mean_difference
from clueplus.statistics.paired import paired_difference
from clueplus.statistics.pairwise import cluster_sums, mean_difference_p, spread

CLUSTERS = [f"patient {number // 2}" for number in range(30)]


def tables(seed: int, rows: int = 4, tasks: int = 3) -> list[list[np.ndarray]]:
    """[task][row] (items, components): graded scores, of two components where the task's number is odd."""
    generator = np.random.default_rng(seed)
    hard = [generator.uniform(0, 0.5, size=(30, 1 + task % 2)) for task in range(tasks)]
    return [[np.clip(h + 0.1 * row + generator.normal(0, 0.15, h.shape), 0, 1) for row in range(rows)] for h in hard]


@pytest.mark.parametrize("clusters", [CLUSTERS, [str(number) for number in range(30)]], ids=["clustered", "single"])
@pytest.mark.parametrize("seed", range(3))
def test_p_values_are_those_of_the_mean_of_paired_differences(seed: int, clusters: list[str]) -> None:
    found = tables(seed)
    scores = np.array([[values.mean(axis=0).mean() for values in task] for task in found]).T
    spreads = [spread([cluster_sums(values, clusters) for values in task]) for task in found]
    p = mean_difference_p(scores, spreads)
    for i in range(4):
        for j in range(4):
            if i == j:
                assert p[i, j] == 1.0
                continue
            whole = mean_difference([paired_difference(task[i], task[j], clusters) for task in found])
            assert p[i, j] == pytest.approx(whole.two_sided_p(), rel=1e-9, abs=1e-15)


def test_the_spread_of_right_and_wrong_answers_is_that_of_the_pair() -> None:
    generator = np.random.default_rng(5)
    rows = [np.round(generator.uniform(0, 1, (30, 1)) + 0.1 * row).clip(0, 1) for row in range(3)]
    found = spread([cluster_sums(values, CLUSTERS) for values in rows])
    for i in range(3):
        for j in range(3):
            if i != j:
                pair = paired_difference(rows[i], rows[j], CLUSTERS)
                assert found.variance[i, j] == pytest.approx(pair.se**2)


def test_rows_that_answer_alike_have_the_spread_of_what_was_never_seen() -> None:
    values = np.round(np.random.default_rng(6).uniform(0, 1, (30, 1)))
    pair = paired_difference(values, values, CLUSTERS)
    found = spread([cluster_sums(values, CLUSTERS)] * 2)
    assert found.variance[0, 1] == pytest.approx(pair.se**2)
    assert found.df[0, 1] == pair.df == 14


def test_a_cluster_that_a_row_lacks_moves_it_by_nothing() -> None:
    values = np.random.default_rng(7).uniform(0, 1, (30, 1))
    whole, most = cluster_sums(values, CLUSTERS), cluster_sums(values[:28], CLUSTERS[:28])
    assert whole is not None
    assert most is not None
    found = spread([whole, most])
    padded = np.append(most.influence, 0.0)
    assert found.variance[0, 1] == pytest.approx(((whole.influence - padded) ** 2).sum() * 15 / 14)


def test_a_row_without_a_component_has_no_sums() -> None:
    assert cluster_sums(np.array([[0.5, np.nan], [0.2, np.nan]]), ["a", "b"]) is None


def test_no_row_has_no_spread() -> None:
    assert spread([]).variance.shape == (0, 0)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), missing=st.floats(0, 0.4))
def test_influences_sum_to_nothing_and_p_values_have_no_direction(seed: int, missing: float) -> None:
    generator = np.random.default_rng(seed)
    task = tables(seed, rows=3, tasks=2)[1]
    for values in task:
        values[1:][generator.uniform(size=values[1:].shape) < missing] = np.nan
    sums = [cluster_sums(values, CLUSTERS) for values in task]
    assert all(abs(each.influence.sum()) < 1e-12 for each in sums if each)
    scores = np.array([[np.nanmean(values, axis=0).mean()] for values in task])
    p = mean_difference_p(scores, [spread([each for each in sums if each])])
    assert np.allclose(p, p.T)
    assert ((p > 0) & (p <= 1)).all()
