"""Tables inside source files: cells come out whole, and faults name the file but never a cell."""

import io

import openpyxl
import pytest

from clueplus.data import read_csv, read_xlsx
from clueplus.errors import DataError

CANARY = "Jane Roe, born 1961, has a cough"


def csv_rows(content, columns=("id", "text")):
    return read_csv({"notes.csv": content if isinstance(content, bytes) else content.encode()}, "notes.csv", columns)


def csv_fault(content, columns=("id", "text")):
    with pytest.raises(DataError) as caught:
        csv_rows(content, columns)
    assert CANARY not in str(caught.value)
    return str(caught.value)


def workbook(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def xlsx_rows(content, columns=("id", "text")):
    return read_xlsx({"notes.xlsx": content}, "notes.xlsx", columns)


def test_rows_are_reduced_to_the_columns_asked_for():
    rows = csv_rows("text,other,id\na,b,1\nc,d,2\n")
    assert rows == [{"id": "1", "text": "a"}, {"id": "2", "text": "c"}]


def test_a_quoted_cell_keeps_its_line_breaks_commas_and_quotes():
    assert csv_rows('id,text\n1,"a\nb, ""c""\n\nd"\n')[0]["text"] == 'a\nb, "c"\n\nd'


def test_crlf_ends_rows_and_stays_inside_quoted_cells():
    assert csv_rows('id,text\r\n1,"a\r\nb"\r\n2,c\r\n') == [{"id": "1", "text": "a\r\nb"}, {"id": "2", "text": "c"}]


def test_a_byte_order_mark_is_no_part_of_the_first_column():
    assert csv_rows(b"\xef\xbb\xbfid,text\n1,a\n") == [{"id": "1", "text": "a"}]


def test_empty_and_na_cells_stay_text():
    assert csv_rows("id,text\nNA,\n") == [{"id": "NA", "text": ""}]


def test_the_last_row_needs_no_line_end():
    assert len(csv_rows("id,text\n1,a")) == 1


def test_a_missing_column_names_file_column_and_what_was_found():
    message = csv_fault(f"id,note\n1,{CANARY}\n")
    assert message == "notes.csv: missing column 'text', found id, note"


def test_an_empty_file_has_no_columns():
    assert csv_fault("") == "notes.csv: missing column 'id', found nothing"


def test_a_very_wide_header_is_cut_in_the_message():
    assert len(csv_fault(",".join(f"column{n}" for n in range(500)))) < 300


@pytest.mark.parametrize(("row", "found"), [(f'2,"{CANARY}",more', 3), (f'"{CANARY}"', 1)])
def test_a_ragged_row_is_named_by_its_number(row, found):
    message = csv_fault(f"id,text\n1,a\n{row}\n")
    assert message == f"notes.csv: row 3: expected 2 cells, found {found}"


def test_what_is_not_utf_8_names_the_byte():
    assert csv_fault(b"id,text\n1,caf\xe9\n") == "notes.csv: not UTF-8 (byte 13)"


def test_a_quote_that_never_ends_is_an_error():
    assert csv_fault(f'id,text\n1,"{CANARY}' + "x" * 200_000).startswith("notes.csv: line 2: ")


def test_cells_of_a_workbook_become_text():
    assert xlsx_rows(workbook(("text", "x", "id"), ("a\nb", None, 1))) == [{"id": "1", "text": "a\nb"}]


def test_empty_rows_of_a_workbook_are_left_out():
    content = workbook(("id", "text"), ("1", "a"), (None, None), ("", ""), ("2", "b"))
    assert [row["id"] for row in xlsx_rows(content)] == ["1", "2"]


def test_empty_cells_of_a_workbook_are_empty_text():
    rows = xlsx_rows(workbook(("id", "text"), ("1", None), (None, "b")))
    assert rows == [{"id": "1", "text": ""}, {"id": "", "text": "b"}]


def test_a_row_is_empty_when_the_columns_asked_for_are():
    assert xlsx_rows(workbook(("id", "text", "remark"), (None, None, "x"))) == []


def test_only_the_first_sheet_is_read():
    book = openpyxl.Workbook()
    book.active.append(("id", "text"))
    book.create_sheet("second").append(("1", "a"))
    buffer = io.BytesIO()
    book.save(buffer)
    assert xlsx_rows(buffer.getvalue()) == []


def test_a_sheet_is_read_by_its_name():
    book = openpyxl.Workbook()
    book.create_sheet("second").append((" id ", "text"))
    book["second"].append(("1", "a"))
    buffer = io.BytesIO()
    book.save(buffer)
    files = {"notes.xlsx": buffer.getvalue()}
    assert read_xlsx(files, "notes.xlsx", ["id", "text"], "second") == [{"id": "1", "text": "a"}]
    with pytest.raises(DataError, match=r"notes\.xlsx: no sheet 'third'"):
        read_xlsx(files, "notes.xlsx", ["id"], "third")


def without_empty_cells(content):
    """The workbook as other programs write it: an empty cell is left out, and a row ends with its last filled one."""
    import re
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name.endswith("sheet1.xml"):
                part = re.sub(rb"<dimension[^>]*>", b"", re.sub(rb'<c r="\w+" ?/>', b"", part))
            new.writestr(name, part)
    return buffer.getvalue()


def test_a_row_that_ends_early_is_kept_with_empty_text():
    content = without_empty_cells(workbook(("id", "text"), ("1", None), ("2", "b")))
    assert xlsx_rows(content) == [{"id": "1", "text": ""}, {"id": "2", "text": "b"}]


def test_a_missing_column_of_a_workbook_names_file_column_and_what_was_found():
    with pytest.raises(DataError) as caught:
        xlsx_rows(workbook(("id", None, "note"), ("1", None, CANARY)))
    assert str(caught.value) == "notes.xlsx: missing column 'text', found id, note"


def test_an_empty_workbook_has_no_columns():
    with pytest.raises(DataError, match="missing column 'id', found nothing"):
        xlsx_rows(workbook())


@pytest.mark.parametrize("content", [b"", b"id,text\n1,a\n", workbook(("id", "text"))[:-200]])
def test_what_is_no_workbook_is_refused(content):
    with pytest.raises(DataError, match=r"notes\.xlsx: not an Excel workbook"):
        xlsx_rows(content)


def test_a_zip_that_is_no_workbook_is_refused():
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "no workbook")
    with pytest.raises(DataError, match=r"notes\.xlsx: not an Excel workbook"):
        xlsx_rows(buffer.getvalue())
