"""Labels as models give them, and the measures against scikit-learn."""

import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from clueplus.metrics.labels import NLI, balanced_accuracy, count_by_label, macro_f1, parse_label

CHOSEN = {
    "Entailment": "entailment",
    " neutral\n": "neutral",
    "**CONTRADICTION.**": "contradiction",
    "A contradiction": "contradiction",
    '{"label": "neutral"}': "neutral",
    "Answer: neutral": "neutral",
    "Label: entailment": "entailment",
    "The answer is entailment.": "entailment",
    "The correct label would be neutral": "neutral",
    "The relationship between the two sentences is contradiction.": "contradiction",
    "Neutral. It is neither entailment nor contradiction.": "neutral",
    "Neutral: entailment would need more.": "neutral",
    "Neutral - entailment would need more.": "neutral",
    "Contradiction because the premise entails the opposite": "contradiction",
    "Neutral, not entailment": "neutral",
    "Entailment\nThe premise is no contradiction.": "entailment",
    "The hypothesis is entailed by the premise.": "entailment",
    "The premise contradicts the hypothesis.": "contradiction",
    "I think this is a contradiction.": "contradiction",
    "There is no contradiction, so entailment": "entailment",
    "It is not an entailment but a contradiction": "contradiction",
    "Entailment? No. Contradiction.": "contradiction",
    "Entailment is wrong, neutral fits": "neutral",
    "Entailment isn't it; neutral is": "neutral",
    "neither entailment nor neutral; contradiction": "contradiction",
    "It is not entailment or neutral, the answer is contradiction": "contradiction",
    "Given that entailment needs more, the answer is neutral": "neutral",
    "Neutral is possible, but the answer is contradiction": "contradiction",
    "Not entailment\nNeutral": "neutral",
    "<think>entailment</think>neutral": "neutral",
}

NOT_CHOSEN = [
    "",
    "not entailment",
    "Not an entailment.",
    "non-neutral",
    "isn't entailed",
    "It is not entailment or neutral",
    "not entailment, neutral",
    "neither entailment nor neutral",
    "cannot be classified as entailment",
    "Entailment: no",
    "Entailment?",
    "The answer is not entailment",
    "Entailment or neutral",
    "entailment/neutral",
    "Entailment, neutral or contradiction",
    "Answer: entailment or neutral",
    "entailment\nneutral\ncontradiction",
    "Could be neutral. Could be entailment.",
    "The answer is neutral. The answer is entailment.",
    "noncontradiction",
    "neutrality",
    "I don't know",
    "<think>entailment",
]


@pytest.mark.parametrize(("answer", "label"), CHOSEN.items())
def test_an_answer_that_gives_one_label_is_understood(answer: str, label: str) -> None:
    assert parse_label(answer, NLI) == label


@pytest.mark.parametrize("answer", NOT_CHOSEN)
def test_an_answer_that_gives_none_or_several_is_no_label(answer: str) -> None:
    assert parse_label(answer, NLI) is None


@pytest.mark.parametrize(
    ("answer", "labels", "label"),
    [
        ("True", ["True", "False"], "True"),
        ("false.", ["True", "False"], "False"),
        ("not true", ["True", "False"], None),
        ("not adverse", ["adverse", "not adverse"], "not adverse"),
        ("adverse", ["adverse", "not adverse"], "adverse"),
        ("adverse", ["nonadverse", "adverse"], "adverse"),
        ("financial_strain", ["financial_strain", "housing"], "financial_strain"),
        ("Social  support", ["SOCIAL SUPPORT"], "SOCIAL SUPPORT"),
        ("c++ or (x)", ["c++", "(x)"], None),
        ("c++", ["c++", "(x)"], "c++"),
        ("It is social support", ["social", "social support"], "social support"),
        ("anything", [], None),
        ("", ["", "a"], None),
        ("Yes", {"true": ("true", "yes"), "false": ("false", "no")}, "true"),
        ("No", {"true": ("true", "yes"), "false": ("false", "no")}, "false"),
    ],
)
def test_any_labels_can_be_given(answer: str, labels: object, label: str | None) -> None:
    assert parse_label(answer, labels) == label


def test_one_word_for_two_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="two labels"):
        parse_label("yes", {"true": ("yes",), "false": ("Yes",)})
    with pytest.raises(ValueError, match="two labels"):
        parse_label("yes", ["yes", "YES"])


@settings(deadline=None)
@given(st.sampled_from(sorted(NLI)), *[st.text(alphabet=' \n"*_.;!()[]{}#$–', max_size=5)] * 2)
def test_a_label_alone_in_any_markup_is_itself(label: str, before: str, after: str) -> None:
    assert parse_label(before + label.upper() + after, NLI) == label
    assert parse_label(f"{before}not {label}{after}", NLI) is None


WORDS = ["not", "neither", "nor", "or", "and", "answer", "is", "label", ":", ",", "/", "no", "isn't", "wrong", "?"]
WORDS += ["because", "<think>", "</think>", "a", "the"]
pieces = st.sampled_from([*WORDS, *NLI, "entailed", "\n", " "]) | st.text(max_size=4)
messy = st.lists(pieces, max_size=20).map(" ".join)


@settings(max_examples=500, deadline=None)
@given(messy)
def test_any_text_is_a_label_or_none_and_one_that_it_names(answer: str) -> None:
    label = parse_label(answer, NLI)
    assert label is None or any(word in answer.lower() for word in NLI[label])


HOSTILE = ["entailment ", "entailment or ", "not ", "answer ", "answer is entailment or ", "a", "\n", "entailment\n"]
HOSTILE += ["entailment/", "neither a ", "answer a ", "answer is neutral ", " ", "?", "entailment?", "not entailment, "]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_of_100000_characters_takes_less_than_a_second(unit: str) -> None:
    start = time.process_time()
    parse_label((unit * 100_000)[:100_000], NLI)
    assert time.process_time() - start < 1


labels = st.sampled_from("abc")
pairs = st.lists(st.tuples(st.none() | labels, labels), min_size=1, max_size=20)


@settings(deadline=None)
@given(pairs)
def test_measures_are_those_of_scikit_learn(rows: list[tuple[str | None, str]]) -> None:
    predicted, gold = [row[0] for row in rows], [row[1] for row in rows]
    shown = [label or "-" for label in predicted]
    with warnings.catch_warnings():  # it warns of predictions that are no gold label
        warnings.simplefilter("ignore")
        expected = balanced_accuracy_score(gold, shown)
    assert balanced_accuracy(predicted, gold) == pytest.approx(expected, abs=1e-12)
    named = sorted({*gold, *filter(None, predicted)})
    expected = f1_score(gold, shown, average="macro", labels=named, zero_division=0)
    assert macro_f1(predicted, gold) == pytest.approx(expected, abs=1e-12)


def test_always_the_frequent_label_is_no_better_than_chance() -> None:
    gold = ["False"] * 96 + ["True"] * 4
    assert balanced_accuracy(["False"] * 100, gold) == 0.5
    assert macro_f1(["False"] * 100, gold) == pytest.approx(0.5 * 2 * 96 / 196)
    assert balanced_accuracy(gold, gold) == macro_f1(gold, gold) == 1.0
    assert balanced_accuracy([None] * 100, gold) == macro_f1([None] * 100, gold) == 0.0


def test_counts_tell_the_sides_apart_and_lengths_must_agree() -> None:
    assert count_by_label(["a", "a", None], ["a", "b", "b"]) == {"a": (1, 2, 1), "b": (0, 0, 2)}
    with pytest.raises(ValueError, match="zip"):
        macro_f1(["a"], [])


def test_no_items_have_no_measure() -> None:
    assert balanced_accuracy([], []) is None
    assert macro_f1([], []) is None
