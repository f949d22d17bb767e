"""The rows of a user's CSV file one by one: such files have gigabytes, and they never fit in memory."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from clueplus.data.importing import need_columns
from clueplus.errors import DataError

Row = dict[str, str]
# Python stops at 131,072 characters a cell by default; a long letter has more.
_LONGEST_CELL = 10_000_000


def read_rows(path: Path, columns: list[str]) -> Iterator[tuple[int, Row | None]]:
    """Each row of a UTF-8 CSV file (packed where its name ends in .gz) with its number from 1, the header apart.

    A row has the wanted `columns` and whatever others there are; a row with another number of cells is None.

    Raises:
        DataError: the file can't be read or unpacked, is not UTF-8, is no CSV, or lacks a column. Told by the number
            of the row: what stands there may be a note.
    """
    number = 0
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open("rb") as packed:
            raw = gzip.GzipFile(fileobj=packed) if path.suffix == ".gz" else packed
            reader = csv.reader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))
            header = next(reader, [])
            need_columns(header, columns, path.name)
            for number, cells in enumerate(reader, start=1):
                if cells:
                    yield number, dict(zip(header, cells, strict=True)) if len(cells) == len(header) else None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 after row {number}") from error
    except csv.Error as error:
        raise DataError(f"{path}: no CSV after row {number}: {error}") from error
    except (OSError, EOFError, zlib.error) as error:
        what = (error.strerror if isinstance(error, OSError) else None) or "damaged or not all here"
        raise DataError(f"{path}: {what} after row {number}", fix="compare it with upstream's checksum") from error
    finally:
        csv.field_size_limit(limit)  # one for the whole process, and small files are right to keep it


def clean(text: str) -> str:
    """A text with plain line ends and without space around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()
