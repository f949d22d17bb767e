"""Exact match: what counts as the same answer, and what must not."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.metrics.exact import exact_match, normalise_answer

SAME = [
    ("Small left pleural effusion.", "small left pleural effusion"),
    ("the right  lower lobe\n", "Right lower lobe"),
    ("An opacity", "opacity"),
    ("no, a mass", "no mass"),
    ("2.5 cm", "2.5 cm."),
    ("(T12)", "t12"),
    ("x-ray", "xray"),
    ("", ""),
    ("The", "the "),
]
DIFFERENT = [
    ("2.5 cm", "25 cm"),
    ("120/80", "12080"),
    ("1-2", "12"),
    ("no effusion", "effusion"),
    ("left", "right"),
    ("atelectasis", "telectasis"),
    ("theatre", "atre"),
    ("The", "A"),
    ("", "the"),
    ("-", ""),
    ("effusion", ""),
]


@pytest.mark.parametrize(("prediction", "reference"), SAME)
def test_case_space_punctuation_and_articles_do_not_count(prediction: str, reference: str) -> None:
    assert exact_match(prediction, reference) == 1.0


@pytest.mark.parametrize(("prediction", "reference"), DIFFERENT)
def test_words_and_numbers_count(prediction: str, reference: str) -> None:
    assert exact_match(prediction, reference) == exact_match(reference, prediction) == 0.0


def squad(text: str) -> str:
    """The published normalisation, step by step: lower case, no punctuation, no articles, single spaces."""
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


@given(st.lists(st.sampled_from([*"aeT.,-/() ", "the", "an", "effusion", "\n", "é", "'s"])).map("".join))
def test_without_digits_the_normalisation_is_that_of_squad(text: str) -> None:
    assert normalise_answer(text) == squad(text)


@given(st.text(), st.text())
def test_any_two_texts_have_a_symmetric_score(left: str, right: str) -> None:
    assert exact_match(left, left) == 1.0
    assert exact_match(left, right) == exact_match(right, left)
    assert exact_match(left, right) in (0.0, 1.0)


@given(st.text())
def test_normalising_twice_changes_nothing_more_than_once_for_words(text: str) -> None:
    once = normalise_answer(text)
    assert once == " ".join(once.split())
    assert exact_match(f"  {text}\n", text) == 1.0


def test_a_corrupted_oracle_loses() -> None:
    answers = ["small effusion", "the left base", "2.5 cm", "none"]
    assert sum(map(exact_match, answers, answers)) == 4
    assert sum(map(exact_match, answers, answers[1:] + answers[:1])) == 0
