import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.leaderboard.text import label, slug, spreadsheet_text, visible

NAMES = st.text(st.characters(exclude_categories=()), max_size=90)


def test_a_plain_name_is_its_own_slug() -> None:
    assert slug("phi-3.5-mini-instruct") == "phi-3.5-mini-instruct"


@pytest.mark.parametrize(
    "name", ["Org/Model", "../../etc/passwd", "a..b", "con", "nul.txt", "-x", "x-", "", "ü", "a" * 65]
)
def test_any_other_name_gets_a_part_of_its_hash(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]+~[0-9a-f]{16}", slug(name))


@given(st.lists(NAMES, unique=True, max_size=20))
def test_slugs_are_file_names_and_differ_even_without_case(names: list[str]) -> None:
    slugs = [slug(name) for name in names]
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9._~-]{0,79}", each) for each in slugs)
    assert len({each.casefold() for each in slugs}) == len(names)


@given(NAMES)
def test_what_is_shown_can_be_written_and_has_no_hidden_direction(name: str) -> None:
    shown = visible(name)
    shown.encode("utf-8")
    assert not set(shown) & {chr(c) for c in (0, 27, 0x200F, 0x202E, 0x2066, 0x2069, 0xFEFF)}


def test_a_direction_mark_is_told_by_its_number() -> None:
    assert visible("a\u202eb") == "a\\u202eb"


def test_lines_and_tabs_of_a_text_stay() -> None:
    assert visible("a\tb\nc\r\nd") == "a\tb\nc\nd"


def test_a_long_text_is_cut_and_says_by_how_much() -> None:
    assert visible("x" * 1_000_000, 10) == "xxxxxxxxxx… [999,990 characters more]"


def test_a_label_is_one_line_and_never_nothing() -> None:
    assert label(" a\n\n b ") == "a b"
    assert label(" \n ") == "(no name)"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@cmd", "\tx", "\rx"])
def test_what_a_spreadsheet_takes_for_a_formula_gets_an_apostrophe(text: str) -> None:
    assert spreadsheet_text(text) == "'" + text


def test_other_text_is_as_it_is() -> None:
    assert spreadsheet_text("a=b") == "a=b"
