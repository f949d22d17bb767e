"""Answers as models write them: what a fair reader takes them to mean, and nothing that can break the parsers."""

import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.metrics.choice import parse_option, parse_sentence_id

OPTIONS = ["Fracture of ankle", "Open fracture of ankle", "Sprain of ankle", "Dislocation of knee"]

# One letter, in every harmless format, with whatever explanation.
CHOOSE = {
    "B": "B",
    "b": "B",
    " B\n": "B",
    "(C)": "C",
    "**D**": "D",
    "B.": "B",
    "`c`": "C",
    '"D"': "D",
    "- B": "B",
    "Ｂ": "B",
    "（B）": "B",
    "<answer>B</answer>": "B",
    "<letter>b</letter>": "B",
    "<b>C</b>": "C",
    "<B>": "B",
    "$\\boxed{\\text{B}}$": "B",
    '{"answer": "B"}': "B",
    "B) text": "B",
    "c) Sprain of ankle": "C",
    "a. some text": "A",
    "C: Sprain of ankle": "C",
    "C - Sprain of ankle": "C",
    "**C.** Sprained ankle": "C",
    "C Sprained ankle": "C",
    "B\n\nExplanation: A is not open.": "B",
    "D, because the knee is dislocated": "D",
    "B, not just a fracture of ankle": "B",
    "Letter: B": "B",
    "Letter: b": "B",
    "Answer: A": "A",
    "Answer: a": "A",
    "Answer: (c).": "C",
    "**Answer:** C": "C",
    "The answer is C.": "C",
    "The answer is A because it is closed": "A",
    "Answer: I think it is B": "B",
    "The answer is C. Option A has no code and option B is open.": "C",
    "The correct answer is **B**, not A.": "B",
    "The correct letter is: B": "B",
    "The definition is C": "C",
    "It is definition (C), Sprain of ankle": "C",
    "I think it is B.": "B",
    "I would go with D": "D",
    "The code S93.4 corresponds to C.": "C",
    "Option D is correct because A and B are wrong": "D",
    "D is correct because A and B are wrong": "D",
    "A is the correct answer": "A",
    "I am sure that C is correct": "C",
    "Option B isn't right, option C fits": "C",
    "Option A is wrong, so option B": "B",
    "Sprained ankle (C)": "C",
    "Let me see.\nC": "C",
    "Sprain of ankle": "C",
    "sprain of  ANKLE.": "C",
    "A sprain of ankle": "C",
    "Fracture of ankle": "A",
    "Open fracture of ankle": "B",
    "<think>A? No, B or C.</think>D": "D",
    "Perhaps A.</think>\n\nB": "B",
    "<think></think> C": "C",
}

# Nothing chosen, or more than one, or an option that is not offered.
NO_CHOICE = [
    "",
    " \n",
    "A and B",
    "A or B",
    "A, B",
    "A/B",
    "(A) or (B)",
    "B or maybe C",
    "Answer: B or C",
    "The answer is B or maybe C",
    "Options A and B",
    "I think it is A or B",
    "Option A is right. Option B is right.",
    "A. Fracture of ankle\nB. Open fracture of ankle\nC. Sprain of ankle\nD. Dislocation of knee",
    "A\nB\nC\nD",
    "A. Fracture of ankle\n\nB. Open fracture of ankle",
    "Fracture of ankle\nOpen fracture of ankle",
    "a 45-year-old man",
    "A patient with a swollen ankle",
    "The answer is a swollen ankle",
    "The answer is A swollen ankle",
    "The ankle is swollen. A sprain is likely.",
    "E",
    "The answer is E, as A is wrong",
    "X-ray of the ankle",
    "Vitamin D deficiency",
    "Chronic hepatitis B",
    "C-reactive protein",
    "The answer is C-reactive protein",
    "None of these",
    "none",
    "I",
    "I don't know",
    "As an AI model, I can't help",
    "The answer is not A.",
    "A isn't right",
    "(A) is wrong",
    "1",
    "<think>The answer is B, I guess",
    "<think>B</think>",
]

SENTENCE_IDS = {
    "7": 7,
    " 7\n": 7,
    "0": 0,
    "-1": -1,
    "−1": -1,
    "(-1)": -1,
    "7.": 7,
    "**7**": 7,
    "#7": 7,
    "７": 7,
    "7 The BP is 120/70": 7,
    "7: The BP is 120/70, pulse 80.": 7,
    "7 45-year-old man": 7,
    "7 glucose is 40": 7,
    "5 mg/dL, sodium 140": 5,
    "5 mmHg, respirations 14/min": 5,
    "7\n\nExplanation: sentence 3 is fine.": 7,
    "7. Sentence 3 does not fit it.": 7,
    "7, since 5 mg is too little": 7,
    "-1 because every sentence is right": -1,
    "-1 (no error)": -1,
    "Sentence 7": 7,
    "Sentence: 7": 7,
    "Line 7 is wrong": 7,
    "The wrong sentence is 7.": 7,
    "The wrong sentence is number 7, not 8": 7,
    "Sentence 7 is not correct": 7,
    "Sentence 7; there are no other errors.": 7,
    "sentence ID: -1": -1,
    "ID=-1": -1,
    '{"error_sentence_id": 7}': 7,
    "Answer: 7": 7,
    "The answer is sentence 7. Sentence 8 follows from it.": 7,
    "Sentence 3 is correct, but sentence 4 is wrong.": 4,
    "Sentence 3 says 5 mg but should be 10 mg": 3,
    "I think it's 7.": 7,
    "The mistake is in 7": 7,
    "No error": -1,
    "No errors were found.": -1,
    "There are no errors": -1,
    "There is no medical error in this note, so -1.": -1,
    "I don't see any errors.": -1,
    "The note is correct": -1,
    "All 9 sentences are correct.": -1,
    "Every sentence is right": -1,
    "All of the sentences are medically correct": -1,
    "Correct": -1,
    "None.": -1,
    "<think>4 or 5?</think>\n5": 5,
}

NO_SENTENCE_ID = [
    "",
    " \n",
    "4 and 5",
    "4, 5",
    "4-5",
    "4 to 6",
    "4 or maybe 5",
    "4\n5",
    "3 The BP is high.\n4 The pulse is low.",
    "3 The BP is high.\n\n4 The pulse is low.",
    "sentences 4 or 5",
    "Sentence 4 and sentence 5",
    "Sentence 4 is wrong. Sentence 5 is wrong.",
    "There are no errors in sentences 1 to 5",
    "There is no error in sentence 3",
    "Sentence 3 is correct",
    "7 or -1",
    "120/70 mmHg",
    "2023-01-01",
    "12:30",
    "3.5",
    "1,000",
    "10 mg is too much",
    "50%",
    "3 sentences are wrong",
    "2 of them",
    "a 45-year-old man",
    "The 7th sentence",
    "45-year-old man",
    "It is wrong nonetheless",
    "-2",
    "1234567890123",
    "The dose is wrong.",
    "Correct the dose",
    "I don't know",
    "<think>Sentence 4",
]


@pytest.mark.parametrize(("answer", "letter"), CHOOSE.items())
def test_an_answer_that_chooses_one_option_is_understood(answer: str, letter: str) -> None:
    assert parse_option(answer, OPTIONS) == letter


@pytest.mark.parametrize("answer", NO_CHOICE)
def test_an_answer_without_one_choice_is_no_letter(answer: str) -> None:
    assert parse_option(answer, OPTIONS) is None


@pytest.mark.parametrize("letter", "ABCD")
def test_the_text_of_an_option_is_its_letter_even_where_it_holds_other_letters(letter: str) -> None:
    options = ["Vitamin D deficiency", "Vitamin A deficiency", "Hepatitis B", "Hepatitis B with C. difficile colitis"]
    assert parse_option(options["ABCD".index(letter)], options) == letter


def test_the_text_of_an_option_counts_as_whole_words_and_literally() -> None:
    assert parse_option("Sprained", ["Sprain", "Fracture"]) is None
    assert parse_option("Pain", ["Pain (left|right)", "P.in"]) is None
    assert parse_option("pain (left|right)", ["Pain (left|right)", "P.in"]) == "A"


def test_a_text_that_two_options_share_chooses_neither() -> None:
    assert parse_option("sprain", ["Sprain", "sprain", "Fracture"]) is None


def test_an_empty_option_is_chosen_by_its_letter_only() -> None:
    assert parse_option("no, thing", ["", "x"]) is None
    assert parse_option("A", ["", "x"]) == "A"


@settings(deadline=None)
@given(st.integers(0, 25), st.booleans(), *[st.text(alphabet=" \n\t\"'`*_.,:;!()[]{}#$-–•", max_size=6)] * 2)
def test_a_letter_alone_in_any_markup_is_itself(number: int, lower: bool, before: str, after: str) -> None:
    letter = string.ascii_uppercase[number]
    options = [f"option {n}" for n in range(26)]
    assert parse_option(before + (letter.lower() if lower else letter) + after, options) == letter


# Words that the parsers look for, mixed with any characters, lone surrogates included.
WORDS = "answer is option or and not the sentence id no error correct <think> </think> \\boxed{ -1 7 12 120/70 3.5"
fragments = st.sampled_from([*"ABCDEabci \n.:()", *OPTIONS, *WORDS.split()])
answers = st.lists(fragments | st.text(st.characters(), max_size=8), max_size=25).map("".join)


@settings(max_examples=500, deadline=None)
@given(answers, st.integers(0, len(OPTIONS)))
def test_any_text_is_a_letter_of_an_option_or_none(answer: str, number: int) -> None:
    assert parse_option(answer, OPTIONS[:number]) in {None, *"ABCD"[:number]}


@settings(max_examples=500, deadline=None)
@given(answers)
def test_any_text_is_a_possible_sentence_number_or_none(answer: str) -> None:
    number = parse_sentence_id(answer)
    assert number is None or (type(number) is int and -1 <= number <= 999)


@pytest.mark.parametrize(("answer", "number"), SENTENCE_IDS.items())
def test_an_answer_that_names_one_sentence_is_understood(answer: str, number: int) -> None:
    assert parse_sentence_id(answer) == number


@pytest.mark.parametrize("answer", NO_SENTENCE_ID)
def test_an_answer_without_one_sentence_is_no_number(answer: str) -> None:
    assert parse_sentence_id(answer) is None


@pytest.mark.parametrize("number", range(-1, 61))
def test_a_sentence_number_alone_is_itself(number: int) -> None:
    assert parse_sentence_id(str(number)) == number


HOSTILE = [
    *(" ", " \n", "(", ".\n", "_", "\\", "</a", "</think>", "'", "-", "\ud800", "ﷺ"),
    *("A", "A ", "A\n", "A.\n", "b)\n", "B or ", "(B)", "A isn't ", "answer ", "option ", "is ", "is (", "is B"),
    *("open fracture of ankl ", "Sprain of ankle ", "1", "-1", "1\n", "1 or ", "12:", "sentence id number no. "),
    *("is 7", "no medical ", "not ", "n't x ", "all ", "every a b c ", "none ", "correct "),
]


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("answer", "x")])
def test_a_hostile_text_of_100000_characters_takes_less_than_half_a_second(unit: str, before: str, after: str) -> None:
    answer = before + (unit * 100_000)[:100_000] + after
    # Processor time: a busy machine must not fail the test. A quadratic search would take minutes.
    start = time.process_time()
    parse_option(answer, OPTIONS)
    middle = time.process_time()
    parse_sentence_id(answer)
    assert max(middle - start, time.process_time() - middle) < 0.5
