"""Files are found and read; what is no row is told, and what is no file is an error that names it."""

import gzip
import json

import pyarrow
import pyarrow.parquet
import pytest

from clueplus.errors import DataError
from clueplus.training.corpora.files import Bad, find_files, read_file


def names(pattern, root):
    found = find_files(pattern, root)
    return [path.relative_to(root).as_posix() for path in found.files], found.ignored


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jsonl", "a.txt", "deep/c.parquet", "deep/d.md", "e.jsonl.gz", "f.csv", ".hidden/g.txt", ".h.txt"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path


def test_a_folder_has_its_readable_files_in_order(folder):
    expected = ["in/a.txt", "in/b.jsonl", "in/deep/c.parquet", "in/deep/d.md", "in/e.jsonl.gz"]
    assert names("in", folder) == (expected, 1)


def test_a_glob_has_what_it_matches(folder):
    assert names("in/*.jsonl*", folder) == (["in/b.jsonl", "in/e.jsonl.gz"], 0)
    assert names("in/**/*.md", folder) == (["in/deep/d.md"], 0)
    assert names("in/[ab].*", folder) == (["in/a.txt", "in/b.jsonl"], 0)


def test_one_file_is_one_file(folder):
    assert names("in/a.txt", folder) == (["in/a.txt"], 0)
    assert find_files(str(folder / "in" / "a.txt"), folder / "elsewhere").files == [folder / "in" / "a.txt"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("in/f.csv", "is not read from such a file"),
        ("in/nothing.jsonl", "no such file, folder or match"),
        ("in/*.json", "no such file, folder or match"),
        ("in/*.csv", "none of the 1 files there is readable"),
    ],
)
def test_what_is_not_there_is_an_error_that_says_what_is_read(folder, pattern, words):
    with pytest.raises(DataError, match=words) as caught:
        find_files(pattern, folder)
    assert pattern.split("/")[-1] in str(caught.value)
    assert ".jsonl, .parquet" in str(caught.value)


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", ["x.jsonl", "x.JSONL", "x.ndjson", "x.jsonl.gz"])
def test_json_lines_are_read_one_by_one(tmp_path, name):
    content = '\ufeff{"text": "für\u2028dich"}\r\n\n{"text": 2}\n[1]\nno json\n{"text": "last"}'.encode()
    path = written(tmp_path / name, gzip.compress(content) if name.endswith("gz") else content)
    values = [{"text": "für\u2028dich"}, {"text": 2}, [1], Bad("not JSON"), {"text": "last"}]
    assert list(read_file(path)) == list(zip([1, 3, 4, 5, 6], values, strict=True))


def test_a_line_that_is_not_utf8_is_one_bad_row(tmp_path):
    path = written(tmp_path / "x.jsonl", b'{"text": "gr\xfcn"}\n{"text": "blue"}\n')
    assert list(read_file(path)) == [(1, Bad("not utf-8")), (2, {"text": "blue"})]
    assert next(read_file(path, "latin-1")) == (1, {"text": "grün"})


def test_deep_nesting_is_one_bad_row(tmp_path):
    path = written(tmp_path / "x.jsonl", "[" * 100_000 + "\n{}\n")
    assert list(read_file(path)) == [(1, Bad("not JSON")), (2, {})]


def test_json_lines_in_utf16_are_an_error(tmp_path):
    path = written(tmp_path / "x.jsonl", '{"text": "a"}\n'.encode("utf-16"))
    with pytest.raises(DataError, match="not read in UTF-16"):
        list(read_file(path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_text_file_is_one_document(tmp_path, encoding):
    path = written(tmp_path / "x.txt", "Zwölf\nZeilen".encode(encoding))
    assert list(read_file(path)) == [(1, {"text": "Zwölf\nZeilen"})]


def test_a_text_file_in_another_encoding_is_bad_until_that_is_named(tmp_path):
    path = written(tmp_path / "x.md", "Zwölf".encode("cp1252"))
    assert list(read_file(path)) == [(1, Bad("not utf-8"))]
    assert list(read_file(path, "cp1252")) == [(1, {"text": "Zwölf"})]


def test_parquet_is_read_row_by_row(tmp_path):
    rows = [{"text": f"document {number}", "made": ["a", "b"] if number % 2 else None} for number in range(600)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "x.parquet")
    assert list(read_file(tmp_path / "x.parquet")) == list(enumerate(rows, start=1))


@pytest.mark.parametrize("content", [b"", b"PAR1 nothing PAR1", b"x" * 100])
def test_a_damaged_parquet_file_is_an_error(tmp_path, content):
    with pytest.raises(DataError, match=r"x\.parquet: no Parquet file"):
        list(read_file(written(tmp_path / "x.parquet", content)))


def test_a_torn_archive_is_an_error_that_names_the_file(tmp_path):
    content = gzip.compress(b"".join(json.dumps({"n": n}).encode() + b"\n" for n in range(1000)))
    with pytest.raises(DataError, match=r"x\.jsonl\.gz: damaged or not all here"):
        list(read_file(written(tmp_path / "x.jsonl.gz", content[:-200])))
