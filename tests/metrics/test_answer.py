"""What is left of an answer before any parser reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.metrics.answer import after_thinking, plain

pieces = st.lists(st.sampled_from(["<think>", "</think>", "a", " ", "\n", "*", "\ud800"]), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        ("a", "a"),
        ("<think>a</think>b", "b"),
        ("a</think>b", "b"),
        ("<think>a", ""),
        ("a<think>b", "a"),
        ("<think>a</think>b<think>c</think>d<think>e", "d"),
    ],
)
def test_reasoning_is_left_out(answer: str, rest: str) -> None:
    assert after_thinking(answer) == rest


@given(pieces)
def test_no_mark_of_reasoning_is_left(answer: str) -> None:
    assert "think>" not in after_thinking(answer)


@given(pieces)
def test_plain_text_has_no_extra_space_and_is_plain_already(answer: str) -> None:
    text = plain(answer)
    assert text == text.strip()
    assert "  " not in text
    assert "*" not in text
    assert plain(text) == text


def test_markup_and_typography_become_plain() -> None:
    assert plain("**B** – “it’s”\n\n `Ａ` <b>c</b>") == "B - “it's”\nA c"
