"""Longest match of phrases, against a search that tries every phrase everywhere."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.metrics.phrases import Found, PhraseTable

tokens = st.lists(st.sampled_from("abc"), max_size=12)
phrases = st.lists(tokens.filter(lambda phrase: len(phrase) < 5), max_size=8)


def by_trying(table: list[list[str]], text: list[str]) -> list[Found[str]]:
    found, start = [], 0
    while start < len(text):
        fitting = [phrase for phrase in table if phrase and text[start : start + len(phrase)] == phrase]
        best = max(fitting, key=len, default=[])
        if best:
            found.append(Found(start, start + len(best), "".join(best)))
        start += len(best) or 1
    return found


@given(phrases, tokens)
def test_the_longest_phrase_from_the_left_is_found(table: list[list[str]], text: list[str]) -> None:
    assert list(PhraseTable((phrase, "".join(phrase)) for phrase in table).find(text)) == by_trying(table, text)


@given(phrases)
def test_every_phrase_is_found_as_itself(table: list[list[str]]) -> None:
    made = PhraseTable((phrase, "".join(phrase)) for phrase in table)
    assert len(made) == len({"".join(phrase) for phrase in table} - {""})
    for phrase in table:
        if phrase:
            assert list(made.find(phrase)) == [Found(0, len(phrase), "".join(phrase))]


def test_a_longer_phrase_that_breaks_off_leaves_the_shorter_one() -> None:
    table = PhraseTable([(["type"], 1), (["type", "2", "diabetes"], 2), (["2"], 3)])
    assert list(table.find(["type", "2", "fracture"])) == [Found(0, 1, 1), Found(1, 2, 3)]


def test_the_first_value_of_a_phrase_stays_and_falsy_values_are_values() -> None:
    table = PhraseTable([(["a"], 0), (["a"], 1), ([], 2)])
    assert len(table) == 1
    assert list(table.find(["x", "a"])) == [Found(1, 2, 0)]


@pytest.mark.parametrize("text", [["a"] * 40_000, ["a", "b"] * 20_000, ["x"] * 40_000])
def test_hostile_texts_take_linear_time(text: list[str]) -> None:
    table = PhraseTable([(["a"] * 10, 1), (["a", "b"] * 5 + ["c"], 2)])
    start = time.process_time()
    list(table.find(text))
    assert time.process_time() - start < 2
