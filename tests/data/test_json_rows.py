"""JSON that a user holds: rows come with their numbers, and no fault quotes a text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.data.json_rows import is_text, read_json, read_jsonl, text_rows
from clueplus.errors import DataError

CANARY = "Jane Roe has a cough"


def held(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(content)
    return path


def test_lines_are_values_and_what_is_not_json_is_none(tmp_path: Path) -> None:
    path = held(tmp_path, b'\xef\xbb\xbf{"a": "x\xe2\x80\xa8y"}\nnonsense\n\n[1]\n\n')
    assert read_jsonl(path) == [{"a": "x\u2028y"}, None, None, [1]]


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_text_has_no_rows(tmp_path: Path, content: bytes) -> None:
    assert read_jsonl(held(tmp_path, content)) == []


def test_rows_without_text_in_a_wanted_field_are_rejected_by_number_and_reason() -> None:
    rows = [{"a": "x", "b": 1}, {"a": " "}, {"a": 5}, {}, None, ["a"], {"a": "\ud800"}, {"a": "y"}]
    good, rejected = text_rows(rows, ["a"], "pairs.jsonl")
    assert good == [(1, {"a": "x", "b": 1}), (8, {"a": "y"})]
    assert [(row.row, row.reason) for row in rejected] == [
        *((number, "no text in 'a'") for number in (2, 3, 4)),
        *((number, "not a JSON object") for number in (5, 6)),
        (7, "no text in 'a'"),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{'" + CANARY.encode(), "not JSON (line 1, column 2)"),
        (b"caf\xe9", "not UTF-8 (byte 3)"),
        (b"[" * 200_000, "not JSON"),
        (b"1" * 5000, "not JSON"),
    ],
)
def test_what_is_no_json_is_told_by_its_place(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(DataError) as caught:
        read_json(held(tmp_path, content))
    assert str(caught.value) == f"pairs.jsonl: {told}"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be read"):
        read_jsonl(tmp_path)


@given(st.text(st.characters()) | st.text(st.characters(min_codepoint=0xD7F0, max_codepoint=0xE010)))
def test_text_is_what_a_file_can_hold(value: str) -> None:
    try:
        expected = bool(value.encode().strip() and value.strip())
    except UnicodeEncodeError:
        expected = False
    assert is_text(value) == expected
