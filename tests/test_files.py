"""Files appear whole or not at all; one JSON text for one value."""

import errno
import json
import math
import os

import pytest

from clueplus.errors import StoreError
from clueplus.files import canonical_json, sha256, whole_file, write_atomic


@pytest.fixture
def full_disk(monkeypatch):
    def fsync(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)


def test_writes_bytes_and_makes_the_folders(tmp_path):
    path = tmp_path / "a" / "b" / "file.bin"
    write_atomic(path, b"\x00\r\n\xff")
    assert path.read_bytes() == b"\x00\r\n\xff"


def test_writes_text_as_utf_8_without_translating_line_ends(tmp_path):
    write_atomic(tmp_path / "file", "é\r\n")
    assert (tmp_path / "file").read_bytes() == "é\r\n".encode()


def test_leaves_only_the_target_readable_by_everybody(tmp_path):
    write_atomic(tmp_path / "file", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_replaces_an_existing_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("a much longer old content")
    write_atomic(path, "new")
    assert path.read_text() == "new"


@pytest.mark.usefixtures("full_disk")
def test_a_failing_write_leaves_neither_target_nor_temporary_file(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(StoreError) as caught:
        write_atomic(path, "new")
    assert list(tmp_path.iterdir()) == []
    assert str(caught.value).startswith(f"can't write {path}: No space left on device. Fix: ")


@pytest.mark.usefixtures("full_disk")
def test_a_failing_write_keeps_the_existing_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(StoreError):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_place_of_the_target_is_an_error_that_leaves_nothing(tmp_path):
    (tmp_path / "target").mkdir()
    with pytest.raises(StoreError, match="can't write"):
        write_atomic(tmp_path / "target", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(StoreError, match="can't write"):
        write_atomic(tmp_path / "folder" / "file", "new")


def test_a_large_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "rows.jsonl"
    with whole_file(path) as file:
        file.write("one\n")
        assert not path.exists()
    assert path.read_bytes() == b"one\n"


def test_a_large_file_that_fails_leaves_the_old_one(tmp_path, full_disk):
    path = tmp_path / "rows.jsonl"
    path.write_text("old")
    with pytest.raises(StoreError, match="No space left"), whole_file(path) as file:
        file.write("new")
    with pytest.raises(KeyError), whole_file(path) as file:
        raise KeyError
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("rows.jsonl", "old")]


def test_canonical_json_sorts_keys_at_every_level_and_has_no_spaces():
    assert canonical_json({"b": [1, {"d": None, "c": True}], "a": "é\u2028"}) == (
        '{"a":"é\u2028","b":[1,{"c":true,"d":null}]}'
    )


def test_canonical_json_does_not_depend_on_the_order_of_insertion():
    assert canonical_json({"a": 1, "b": 2}) == canonical_json({"b": 2, "a": 1})


def test_canonical_json_reads_back():
    value = {"text": 'a "quoted"\n\ttext', "number": 0.1}
    assert json.loads(canonical_json(value)) == value


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_canonical_json_refuses_numbers_that_json_does_not_have(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"score": [number]})


def test_sha256_of_text_is_that_of_its_utf_8_bytes():
    assert sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256("é") == sha256("é".encode())


def test_sha256_takes_a_lone_surrogate():
    assert sha256("\ud800") != sha256("\ud801")
