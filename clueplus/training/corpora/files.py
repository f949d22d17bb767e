"""Files of a source: found, and read row by row without ever holding one whole."""

from __future__ import annotations

import codecs
import glob
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from clueplus.errors import DataError

TEXT_COLUMN = "text"
_JSON_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_TEXT = (".txt", ".md", ".txt.gz")
_PARQUET = (".parquet",)
KINDS = f"{', '.join(_JSON_LINES[:1] + _PARQUET + _TEXT[:2])} (JSONL and text also as .gz)"
_BATCH = 256


class Bad(NamedTuple):
    """What stands where a row should be, and why it is none."""

    reason: str


class Found(NamedTuple):
    """The files of a source, in order, and how many others stand beside them."""

    files: list[Path]
    ignored: int


def find_files(pattern: str, root: Path) -> Found:
    """The files that a source's `path` names: one file, every readable one below a folder, or those of a glob.

    Args:
        pattern: a path or a glob; relative ones start from `root`.
        root: a folder.

    Raises:
        DataError: there is none, or one that was named is of no known kind.
    """
    path = root / pattern
    if path.is_file():
        if not _kind(path):
            raise DataError(f"{path}: a corpus is not read from such a file", fix=f"give {KINDS}")
        return Found([path], 0)
    if path.is_dir():
        inside = [each for each in path.rglob("*") if each.is_file() and not _is_hidden(each.relative_to(path))]
    else:
        inside = [Path(each) for each in glob.glob(str(path), recursive=True) if Path(each).is_file()]
    files = sorted(each for each in inside if _kind(each))
    if not files:
        what = f"none of the {len(inside)} files there is readable" if inside else "no such file, folder or match"
        raise DataError(f"{path}: {what}", fix=f"give {KINDS}, a folder or a glob of them")
    return Found(files, len(inside) - len(files))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _kind(path: Path) -> tuple[str, ...] | None:
    name = path.name.lower()
    return next((kind for kind in (_JSON_LINES, _TEXT, _PARQUET) if name.endswith(kind)), None)


def read_file(path: Path, encoding: str = "utf-8") -> Iterator[tuple[int, Any]]:
    """The records of a file with the numbers of their lines or rows, from 1.

    A record is what a line of JSON or a row of Parquet holds, or `{"text": ...}` for a text file; Bad is what is none.

    Raises:
        DataError: the file can't be read, or is damaged; told by its name and never by its content.
    """
    kind = _kind(path)
    rows = _parquet(path) if kind is _PARQUET else (_text if kind is _TEXT else _json_lines)(path, encoding)
    try:
        yield from rows
    except (OSError, EOFError, zlib.error) as error:
        what = (error.strerror if isinstance(error, OSError) else None) or "damaged or not all here"
        raise DataError(f"{path}: {what}", fix="fetch or copy the file again") from error


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _json_lines(path: Path, encoding: str) -> Iterator[tuple[int, Any]]:
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            if number == 1 and (_is_utf16(line) or codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))):
                raise DataError(f"{path}: JSON Lines are not read in UTF-16 or UTF-32", fix="save the file as UTF-8")
            if line.strip():
                yield number, _value(line, encoding)


def _value(line: bytes, encoding: str) -> Any:
    try:
        return json.loads(_decoded(line, encoding))
    except UnicodeDecodeError:
        return Bad(f"not {encoding}")
    except (ValueError, RecursionError):
        return Bad("not JSON")


def _text(path: Path, encoding: str) -> Iterator[tuple[int, Any]]:
    with _open(path) as file:
        raw = file.read()
    try:
        yield 1, {TEXT_COLUMN: _decoded(raw, "utf-16" if _is_utf16(raw) else encoding)}
    except UnicodeDecodeError:
        yield 1, Bad(f"not {encoding}")


def _is_utf16(raw: bytes) -> bool:
    return raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def _decoded(raw: bytes, encoding: str) -> str:
    """Text without a byte order mark."""
    return raw.decode("utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding)


def _parquet(path: Path) -> Iterator[tuple[int, Any]]:
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            rows = (row for batch in file.iter_batches(batch_size=_BATCH) for row in batch.to_pylist())
            yield from enumerate(rows, start=1)
    except pyarrow.ArrowException as error:
        raise DataError(f"{path}: no Parquet file, or a damaged one", fix="fetch or copy the file again") from error
