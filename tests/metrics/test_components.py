"""How components become a task's column, against numpy's nan-aware means."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.metrics.components import component_means, item_scores, mean_of_components

Items = list[dict[str, float | None]]

numbers = st.none() | st.floats(0, 1)


@st.composite
def items(draw: st.DrawFn) -> Items:
    names = [f"c{number}" for number in range(draw(st.integers(1, 4)))]
    return draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, numbers)), min_size=1, max_size=30))


def matrix(rows: Items) -> np.ndarray:
    # Hypothesis shuffles the keys of each row.
    return np.array([[np.nan if row[name] is None else row[name] for name in sorted(row)] for row in rows])


@settings(deadline=None)
@given(items())
def test_the_column_is_the_mean_of_the_nan_aware_column_means(rows: Items) -> None:
    values = matrix(rows)
    if np.isnan(values).all(axis=0).any():
        assert math.isnan(mean_of_components(rows))
    else:
        assert mean_of_components(rows) == pytest.approx(np.nanmean(values, axis=0).mean(), abs=1e-12)


@settings(deadline=None)
@given(items())
def test_each_component_is_the_mean_over_the_items_that_have_it(rows: Items) -> None:
    values = matrix(rows)
    for (_, mean), column in zip(sorted(component_means(rows).items()), values.T, strict=True):
        having = column[~np.isnan(column)]
        assert mean == (pytest.approx(having.mean(), abs=1e-12) if having.size else None)


@settings(deadline=None)
@given(items(), st.randoms(use_true_random=False))
def test_the_order_of_items_does_not_matter(rows: Items, random: Random) -> None:
    shuffled = random.sample(rows, len(rows))
    assert mean_of_components(shuffled) == pytest.approx(mean_of_components(rows), abs=1e-12, nan_ok=True)


def test_components_weigh_the_same_however_many_items_have_them() -> None:
    assert mean_of_components([{"a": 1.0, "b": None}] * 99 + [{"a": None, "b": 0.0}]) == 0.5


def test_no_items_have_no_score() -> None:
    assert math.isnan(mean_of_components([]))


def test_a_component_without_any_value_leaves_no_score() -> None:
    assert math.isnan(mean_of_components([{"a": 1.0, "b": None}]))
    assert component_means([{"a": 1.0, "b": None}]) == {"a": 1.0, "b": None}


def test_a_component_that_is_zero_is_a_value() -> None:
    assert mean_of_components([{"a": 0.0, "b": 1.0}]) == 0.5


def test_item_scores_drop_missing_numbers_but_keep_them_inside_score() -> None:
    scores = item_scores({"a": 0.5, "b": None}, unscorable=False, c=None, d=0.0)
    assert scores == {"score": {"a": 0.5, "b": None}, "a": 0.5, "d": 0.0, "unscorable": 0.0}


def test_measures_beside_do_not_enter_the_score() -> None:
    assert item_scores({"a": 1.0}, unscorable=True, beside=0.0)["score"] == {"a": 1.0}


@pytest.mark.parametrize("unscorable", [False, True])
def test_unscorable_is_a_number_that_can_be_averaged(unscorable: bool) -> None:
    value = item_scores({"a": 0.0}, unscorable=unscorable)["unscorable"]
    assert isinstance(value, float)
    assert value == unscorable
