"""Tables inside source files, with their columns checked: a missing column names the file, never a cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from clueplus.errors import DataError

# One upstream workbook declares 16,384 columns; reading them all takes minutes.
_WIDEST = 64


def read_csv(files: Mapping[str, bytes], file: str, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a UTF-8 CSV file (quoted fields may hold line breaks), reduced to `columns`.

    Raises:
        DataError: the file is not UTF-8 or no CSV, lacks a column, or a row has another number of cells.
    """
    try:
        text = files[file].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 (byte {error.start})") from error
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header, *body = list(reader) or [[]]
    except csv.Error as error:
        raise DataError(f"{file}: line {reader.line_num}: {error}") from error
    positions = _positions(file, header, columns)
    rows = []
    for number, cells in enumerate(body, start=2):
        if len(cells) != len(header):
            raise DataError(f"{file}: row {number}: expected {len(header)} cells, found {len(cells)}")
        rows.append({column: cells[position] for column, position in positions.items()})
    return rows


def read_xlsx(
    files: Mapping[str, bytes], file: str, columns: Sequence[str], sheet: str | None = None
) -> list[dict[str, str]]:
    """The rows of an Excel file's sheet (default: the first), reduced to `columns`.

    Empty cells are "", cells that a short row lacks as well; empty rows are left out.

    Raises:
        DataError: the file is no Excel workbook or lacks the sheet or a column.
    """
    import zipfile

    import openpyxl

    try:
        workbook = openpyxl.load_workbook(io.BytesIO(files[file]), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise DataError(f"{file}: not an Excel workbook") from error
    if sheet is not None and sheet not in workbook.sheetnames:
        raise DataError(f"{file}: no sheet '{sheet}'")
    chosen = workbook.worksheets[0] if sheet is None else workbook[sheet]
    cells = chosen.iter_rows(values_only=True, max_col=_WIDEST)
    header = ["" if value is None else str(value).strip() for value in next(cells, ())]
    positions = _positions(file, header, columns)
    rows = []
    for values in cells:  # each has _WIDEST values, however short the row is in the file
        row = {c: "" if values[p] is None else str(values[p]) for c, p in positions.items()}
        if any(row.values()):
            rows.append(row)
    return rows


def _positions(file: str, header: Sequence[str], columns: Sequence[str]) -> dict[str, int]:
    missing = [column for column in columns if column not in header]
    if missing:
        found = ", ".join(name for name in header if name) or "nothing"
        raise DataError(f"{file}: missing column '{missing[0]}', found {found[:200]}")
    return {column: header.index(column) for column in columns}
