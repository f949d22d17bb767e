"""What is read off a chat template's token ids: BOS, end token, digest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.errors import ClueplusError
from clueplus.models.template import PROBES, Template, read_template

BOS, END, USER, ASSISTANT, NEWLINE = 1, 2, 3, 4, 5
Q, YES, NO, WHY = 10, 11, 12, 13


def template(*, chat_bos: int = 1, tokenizer_bos: bool = True, end: list[int] | None = None) -> Template:
    """The template of a made-up tokenizer with one token a word."""
    end = [END, NEWLINE] if end is None else end
    start = [BOS] * chat_bos
    strings = {BOS: "<s>", END: "<|end|>", USER: "<|user|>", ASSISTANT: "<|assistant|>", NEWLINE: "Ċ"}
    turn = [*start, USER, Q, *end, ASSISTANT]
    ids = [
        [*turn, YES, *end, USER, WHY, *end, ASSISTANT],
        [*turn, YES, *end],
        [*turn, NO, *end],
        [BOS, WHY] if tokenizer_bos else [WHY],
        [WHY],
    ]
    return read_template(ids, [strings.get(token, "word") for token in ids[1]])


def test_five_probes_are_asked() -> None:
    assert [bool(probe.messages) for probe in PROBES] == [True, True, True, False, False]
    assert PROBES[0].generation_prompt


def test_the_end_token_is_the_special_token_after_the_assistants_words() -> None:
    assert template().end_token_id == END
    assert template(end=[END]).end_token_id == END


@pytest.mark.parametrize("end", [[], [NEWLINE], [NEWLINE, END]])
def test_a_turn_that_ends_without_a_special_token_has_no_end_token(end: list[int]) -> None:
    assert template(end=end).end_token_id is None


def test_a_template_with_its_own_bos_gets_no_second_one() -> None:
    assert template().bos == 1
    assert not template().add_special_tokens


def test_a_template_without_the_bos_that_the_tokenizer_wants_gets_it() -> None:
    assert template(chat_bos=0).add_special_tokens


def test_a_model_without_bos_gets_none() -> None:
    assert not template(chat_bos=0, tokenizer_bos=False).add_special_tokens


def test_two_bos_are_refused() -> None:
    with pytest.raises(ClueplusError, match="begins with 2 beginning-of-sequence tokens"):
        template(chat_bos=2)


def test_two_bos_are_refused_although_the_tokenizer_writes_none_itself() -> None:
    with pytest.raises(ClueplusError, match="begins with 2 beginning-of-sequence tokens"):
        template(chat_bos=2, tokenizer_bos=False)
    assert template(chat_bos=1, tokenizer_bos=False).bos == 0


def test_another_template_has_another_digest() -> None:
    digests = {template().digest, template(chat_bos=0).digest, template(end=[END]).digest}
    assert len(digests) == 3


@given(st.lists(st.lists(st.integers(0, 5), max_size=6), min_size=5, max_size=5))
def test_any_token_ids_are_read_or_refused(ids: list[list[int]]) -> None:
    try:
        found = read_template(ids, ["<x>"] * len(ids[1]))
    except ClueplusError:
        return
    assert found.end_token_id is None or found.end_token_id in ids[1]
