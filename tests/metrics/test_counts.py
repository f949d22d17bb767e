"""Counts against scikit-learn, and what "nothing to find" does to a mean."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from clueplus.metrics.counts import Counts, macro, micro

# Rows of truth and prediction for up to four labels: one row is a note.
row = st.tuples(*[st.booleans()] * 4)
matrices = st.lists(st.tuples(row, row), min_size=1, max_size=12).map(lambda rows: np.array(rows, dtype=int))


def by_note(matrix: np.ndarray) -> list[Counts]:
    return [Counts(int((gold & ours).sum()), int(ours.sum()), int(gold.sum())) for gold, ours in matrix]


def same(ours: float | None, peer: float) -> bool:
    return math.isnan(peer) if ours is None else ours == pytest.approx(peer, abs=1e-12)


@settings(deadline=None)
@given(matrices)
def test_micro_and_macro_are_those_of_scikit_learn(matrix: np.ndarray) -> None:
    gold, ours = matrix[:, 0], matrix[:, 1]
    for average, (precision, recall, f1) in {
        "micro": (micro(by_note(matrix)).precision, micro(by_note(matrix)).recall, micro(by_note(matrix)).f1),
        "samples": macro(by_note(matrix))[:3],
    }.items():
        settings = {"average": average, "zero_division": np.nan}
        assert same(precision, precision_score(gold, ours, **settings))
        assert same(recall, recall_score(gold, ours, **settings))
        assert same(f1, f1_score(gold, ours, **settings))


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_f1_is_the_harmonic_mean_and_all_lie_between_0_and_1(matched: int, spurious: int, missed: int) -> None:
    counts = Counts(matched, matched + spurious, matched + missed)
    for value in (counts.precision, counts.recall, counts.f1):
        assert value is None or 0 <= value <= 1
    if counts.precision and counts.recall:
        assert counts.f1 == pytest.approx(2 / (1 / counts.precision + 1 / counts.recall))


def test_what_is_undefined_is_none_and_not_0_or_1() -> None:
    empty, silent, inventing = Counts(0, 0, 0), Counts(0, 0, 3), Counts(0, 3, 0)
    assert (empty.precision, empty.recall, empty.f1) == (None, None, None)
    assert (silent.precision, silent.recall, silent.f1) == (None, 0.0, 0.0)
    assert (inventing.precision, inventing.recall, inventing.f1) == (0.0, None, 0.0)


def test_precision_is_of_the_predictions_and_recall_of_the_gold() -> None:
    assert (Counts(1, 2, 4).precision, Counts(1, 2, 4).recall) == (0.5, 0.25)


def test_notes_with_nothing_to_find_do_not_lift_the_macro_mean_but_inventing_there_costs() -> None:
    half = Counts(1, 2, 2)
    assert macro([half] * 2 + [Counts(0, 0, 0)] * 98).f1 == 0.5
    assert macro([half] * 2 + [Counts(0, 0, 0)] * 98)[3:] == (2, 98)
    assert macro([half] * 2 + [Counts(0, 1, 0)] * 2).f1 == 0.25


def test_micro_weighs_units_and_macro_weighs_notes() -> None:
    notes = [Counts(9, 9, 9), Counts(0, 1, 1)]
    assert micro(notes) == Counts(9, 10, 10)
    assert macro(notes).f1 == 0.5


def test_no_notes_have_no_scores() -> None:
    assert macro([]) == (None, None, None, 0, 0)
    assert micro([]) == Counts(0, 0, 0)
