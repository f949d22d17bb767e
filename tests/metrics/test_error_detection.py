"""Measures beside MEDEC's column: by hand, by hypothesis, and against what the task itself reports."""

import json
import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.metrics.error_detection import ErrorDetection, Judged, Rate, error_detection, flag_correct

TASK = Path(__file__).resolve().parents[2] / "tasks" / "medec"
TYPES = ["diagnosis", "treatment"]
NOTES = [
    Judged(3, 3, "diagnosis"),  # right
    Judged(2, 3, "diagnosis"),  # an error, but elsewhere
    Judged(-1, 0, "treatment"),  # missed
    Judged(None, 4, "treatment"),  # unscorable
    Judged(0, 0, "treatment"),  # the first sentence
    Judged(-1, -1),  # left alone
    Judged(1, -1),  # false alarm
    Judged(None, -1),  # unscorable
]

wrong = st.builds(Judged, st.none() | st.integers(-2, 5), st.integers(0, 5), st.none() | st.sampled_from(TYPES))
clean = st.builds(Judged, st.none() | st.integers(-2, 5), st.just(-1), st.none())
notes = st.lists(wrong | clean, max_size=20)


def rates(found: ErrorDetection) -> list[Rate]:
    return [*found[:-1], *found.by_error_type.values()]


def test_each_measure_by_hand() -> None:
    assert error_detection(NOTES) == ErrorDetection(
        accuracy=Rate(3 / 8, 8),
        flag_accuracy=Rate(4 / 8, 8),
        flag_balanced_accuracy=Rate((3 / 5 + 1 / 3) / 2, 8),
        error_note_accuracy=Rate(2 / 5, 5),
        error_note_flagged=Rate(3 / 5, 5),
        clean_note_accuracy=Rate(1 / 3, 3),
        by_error_type={"diagnosis": Rate(1 / 2, 2), "treatment": Rate(1 / 3, 3)},
    )


def test_no_error_everywhere_gets_half_of_the_balanced_flags() -> None:
    found = error_detection(note._replace(predicted=-1) for note in NOTES)
    assert found.flag_balanced_accuracy.value == 0.5
    assert found.error_note_accuracy.value == 0.0
    assert found.clean_note_accuracy.value == 1.0


def test_a_measure_without_notes_has_a_reason_and_no_value() -> None:
    assert all(rate.value is None and rate.reason for rate in rates(error_detection([])))
    found = error_detection([Judged(-1, -1)])
    assert found.error_note_accuracy == Rate(None, 0, "no item is a note with an error")
    assert found.flag_balanced_accuracy.value is None
    assert found.flag_balanced_accuracy.reason == "no item is a note with an error"
    assert error_detection([Judged(0, 0)]).flag_balanced_accuracy.reason == "no item is a note without an error"
    assert found.by_error_type == {}


def test_any_negative_number_leaves_a_note_alone_but_only_one_is_the_answer() -> None:
    found = error_detection([Judged(-2, -1)])
    assert found.clean_note_accuracy.value == found.flag_accuracy.value == 1.0
    assert found.accuracy.value == 0.0


@pytest.mark.parametrize("note", [Judged(0, -2), Judged(0, -1, "diagnosis")])
def test_a_note_that_contradicts_itself_is_refused(note: Judged) -> None:
    with pytest.raises(ValueError, match=str(note.truth)):
        error_detection([note])


@given(notes)
def test_shares_lie_between_0_and_1_or_have_a_reason(items: list[Judged]) -> None:
    found = error_detection(items)
    for rate in rates(found):
        assert (rate.value is None) == (rate.reason is not None)
        assert rate.value is None or 0 <= rate.value <= 1
    if items:
        assert found.accuracy.value is not None
        assert found.flag_accuracy.value is not None
        assert found.accuracy.value <= found.flag_accuracy.value
    assert found.error_note_accuracy.n + found.clean_note_accuracy.n == len(items)


@given(notes)
def test_the_truth_scores_1_and_nothing_answered_0(items: list[Judged]) -> None:
    oracle = error_detection(note._replace(predicted=note.truth) for note in items)
    silent = error_detection(note._replace(predicted=None) for note in items)
    assert {rate.value for rate in rates(oracle)} <= {1.0, None}
    assert {rate.value for rate in rates(silent)} <= {0.0, None}


def test_a_corrupted_oracle_finds_no_sentence() -> None:
    found = error_detection(note._replace(predicted=note.truth + 1) for note in NOTES)
    assert found.accuracy.value == 0.0
    assert found.error_note_flagged.value == 1.0
    assert found.clean_note_accuracy.value == 0.0


def test_the_measures_are_those_of_the_task() -> None:
    score = runpy.run_path(str(TASK / "medec.py"))["process_results"]
    documents = [json.loads(line) for line in (TASK / "sample.jsonl").read_text(encoding="utf-8").splitlines()]
    answers = ["0", "-1", "3", "what?", "6", "-1"]
    predicted = [0, -1, 3, None, 6, -1]
    items, results = [], []
    for number, document in enumerate(documents):
        items.append(Judged(predicted[number % 6], document["error_id"], document["error_type"]))
        results.append(score(document, [answers[number % 6]]))
        assert results[-1]["flag_accuracy"] == flag_correct(items[-1].predicted, items[-1].truth)
    found = error_detection(items)
    for name in ("accuracy", "flag_accuracy", "error_note_accuracy"):
        values = [result[name] for result in results if name in result]
        assert getattr(found, name) == Rate(sum(values) / len(values), len(values))
