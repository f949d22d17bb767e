"""The one line that a user sees, and the hint for a misspelt name."""

import pytest

from clueplus.errors import ClueplusError, DataError, EndpointError, StoreError, did_you_mean, one_line


def test_message_and_fix_become_one_line():
    error = ClueplusError("can't read\n  the\tfile", fix="copy it\r\nagain")
    assert str(error) == "can't read the file. Fix: copy it again"
    assert (error.message, error.fix) == ("can't read the file", "copy it again")


@pytest.mark.parametrize("fix", [None, ""])
def test_without_a_fix_the_message_stands_alone(fix):
    error = ClueplusError("no such task", fix=fix)
    assert str(error) == "no such task"
    assert error.fix is None


@pytest.mark.parametrize("kind", [ClueplusError, DataError, EndpointError, StoreError])
def test_every_kind_is_caught_as_one_family_and_exits_with_2(kind):
    with pytest.raises(ClueplusError) as caught:
        raise kind("wrong")
    assert caught.value.exit_code == 2


def test_one_line_folds_every_kind_of_line_break():
    assert one_line("  a\n\nb\r\nc\u2028d\x0be ") == "a b c d e"


def test_near_names_are_suggested_nearest_first():
    assert did_you_mean("task_a", ["icd10cm", "task_ab", "task_a1b"]) == "did you mean task_ab or task_a1b?"


def test_without_a_near_name_all_are_listed_sorted_and_once():
    assert did_you_mean("zzz", ["b", "a", "b"]) == "known: a, b"


def test_without_any_name_the_hint_says_none():
    assert did_you_mean("zzz", []) == "known: none"
