"""Rows of large files one by one, and the sample that is drawn from them."""

import csv
import gzip
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.data.draw import Draw, drawn_number
from clueplus.data.rows import clean, read_rows
from clueplus.errors import DataError

SECRET = "Jane Roe"


def held(folder: Path, content: bytes, name: str = "notes.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_rows_have_their_numbers_and_all_columns_packed_or_not(tmp_path: Path) -> None:
    content = '\ufeffa,b\r\n1,"two\nlines"\r\n\r\n3,4\r\n'.encode()
    expected = [(1, {"a": "1", "b": "two\nlines"}), (3, {"a": "3", "b": "4"})]
    assert list(read_rows(held(tmp_path, content), ["b"])) == expected
    assert list(read_rows(held(tmp_path, gzip.compress(content, mtime=0), "notes.csv.gz"), ["a"])) == expected


def test_a_row_with_another_number_of_cells_is_none(tmp_path: Path) -> None:
    assert list(read_rows(held(tmp_path, b"a,b\n1\n1,2\n1,2,3\n"), ["a"])) == [
        (1, None),
        (2, {"a": "1", "b": "2"}),
        (3, None),
    ]


def test_a_long_cell_is_read_and_the_limit_of_the_process_comes_back(tmp_path: Path) -> None:
    csv.field_size_limit(131_072)
    ((_, row),) = read_rows(held(tmp_path, b"a\n" + b"x" * 300_000 + b"\n"), ["a"])
    assert row is not None
    assert len(row["a"]) == 300_000
    with pytest.raises(DataError):
        list(read_rows(held(tmp_path, b"b\n"), ["a"]))
    assert csv.field_size_limit() == 131_072


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"Jane Roe,x\n1,2\n", "notes.csv", "no column a"),
        (b"", "notes.csv", "no column a"),
        (b"a\nJane Roe\n" * 9000 + b"\xff", "notes.csv", "not UTF-8 after row"),
        (b"Jane Roe", "notes.csv.gz", "damaged"),
        (gzip.compress(b"a\n" + b"Jane Roe\n" * 99, mtime=0)[:-9], "notes.csv.gz", "damaged or not all here after row"),
        (gzip.compress(b"a\nJane Roe\n", mtime=0)[:12] + b"\xff\xff\xff\xff" + bytes(8), "notes.csv.gz", "after row 0"),
        (b'a\n"' + b"Jane Roe" * 2_000_000, "notes.csv", "no CSV after row 0"),
    ],
)
def test_damaged_files_are_told_by_row_without_their_text(tmp_path: Path, content: bytes, name: str, told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        list(read_rows(held(tmp_path, content, name), ["a"]))
    assert SECRET not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        list(read_rows(tmp_path / "none.csv", ["a"]))


def test_line_ends_become_plain() -> None:
    assert clean(" a\r\nb\rc\n\n") == "a\nb\nc"


@given(st.lists(st.integers(0, 50)), st.integers(1, 8), st.randoms(use_true_random=False))
def test_a_draw_has_the_smallest_numbers_in_their_order(numbers: list[int], size: int, dice: random.Random) -> None:
    rows = list(enumerate(numbers))
    dice.shuffle(rows)
    draw: Draw[tuple[int, int]] = Draw(size)
    for row, number in rows:
        draw.offer(number, row, (number, row))
    assert [number for number, _ in draw.items] == sorted(numbers)[:size]


def test_a_draw_is_random_and_the_same_for_everybody() -> None:
    assert drawn_number("seed", "1-DS-1") == 0x9AB97CF5AD562B5D
    assert drawn_number("seed", "1-DS-1") != drawn_number("seeds", "1-DS-1")
    assert 4800 < sum(drawn_number("seed", str(n)) < 2**63 for n in range(10_000)) < 5200
