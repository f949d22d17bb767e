"""Terms of a user's table in running text."""

import re
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clueplus.errors import ClueplusError
from clueplus.metrics.term_table import TermTable, term_tokens

TERMS = {
    "diabetes": "C1",
    "Diabetes mellitus, type 2": "C2",
    "type 2": "C3",
    "St. John's wort": "C4",
    '5" needle': "C5",
    "Ménière's disease": "C6",
    "AND": "C7",
}


@pytest.fixture
def table(tmp_path: Path) -> TermTable:
    path = tmp_path / "terms.tsv"
    path.write_text("cui\tterm\n" + "".join(f"{cui}\t{term}\n" for term, cui in TERMS.items()), encoding="utf-8")
    return TermTable(path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Diabetes Mellitus Type 2.", {"C2"}),
        ("diabetes mellitus,\ntype-2", {"C2"}),
        ("diabetes mellitus type 1", {"C1"}),
        ("diabetes; type 2", {"C1", "C3"}),
        ("diabetes mellitus: type 2", {"C1", "C3"}),
        ("prediabetes, diabetess", set()),
        ("diabetes_x type_2", {"C1", "C3"}),
        ("st johns wort", set()),
        ("ST. JOHN’S WORT", {"C4"}),
        ("a 5 needle", {"C5"}),
        ("MÉNIÈRE'S disease", {"C6"}),
        ("Me\u0301nie\u0300re's disease", {"C6"}),
        ("ｄｉａｂｅｔｅｓ", {"C1"}),
        ("sand and stone", {"C7"}),
        ("", set()),
    ],
)
def test_the_longest_terms_of_whole_words(table: TermTable, text: str, found: set[str]) -> None:
    assert table.concepts([text]) == [found]


def test_each_term_is_found_as_itself(table: TermTable) -> None:
    assert table.concepts(list(TERMS)) == [{cui} for cui in TERMS.values()]


def test_a_comma_separated_table_with_other_columns_and_quotes(tmp_path: Path) -> None:
    path = tmp_path / "terms.csv"
    path.write_bytes(b'\xef\xbb\xbfTerm, CUI ,tty\r\n"pain, chest",C1,PT\r\n\r\nfever,C2,SY\r\n')
    assert TermTable(path).concepts(["chest pain", "pain chest", "Fever!"]) == [set(), {"C1"}, {"C2"}]


def test_a_lone_quotation_mark_does_not_swallow_the_lines_after_it(tmp_path: Path) -> None:
    path = tmp_path / "terms.tsv"
    path.write_text('cui\tterm\nC1\t"cold\nC2\tfever\n')
    assert TermTable(path).concepts(["cold", "fever"]) == [{"C1"}, {"C2"}]


def test_an_ambiguous_term_has_its_first_concept(tmp_path: Path) -> None:
    path = tmp_path / "terms.tsv"
    path.write_text("cui\tterm\nC1\tcold\nC2\tCold\n")
    assert TermTable(path).concepts(["cold"]) == [{"C1"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lacks the columns cui and term"),
        (b"code\tterm\nC1\tfever\n", "lacks the columns cui and term"),
        (b"cui\tterm\n", "has no term"),
        (b"cui\tterm\nC1\t...\n", "has no term"),
        (b"cui\tterm\nC1\tfever\nC2\n", "line 3: no cui and term"),
        (b"cui\tterm\n\tfever\n", "line 2: no cui and term"),
        (b"cui\tterm\nC1\t\xff\n", "UTF-8"),
        (b"cui,term\nC1," + b"x" * 200_000, "line 2: field larger"),
    ],
)
def test_a_table_that_is_no_table_is_named_with_its_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "terms"
    path.write_bytes(content)
    with pytest.raises(ClueplusError, match=re.escape(message)) as caught:
        TermTable(path)
    assert str(path) in str(caught.value)


def test_a_table_that_is_absent_is_an_error_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(ClueplusError, match="FileNotFoundError"):
        TermTable(tmp_path / "absent")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda t: ("cui\tterm\n" + t).encode("utf-8", "ignore")))
def test_any_file_is_a_table_or_an_error_of_the_user(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(content)
    with suppress(ClueplusError):
        TermTable(path).concepts(["fever"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_text_has_concepts_of_the_table(table: TermTable, text: str) -> None:
    assert table.concepts([text])[0] <= set(TERMS.values())
    assert table.concepts([f"{text} ; diabetes ; {text}"])[0] >= {"C1"} | table.concepts([text])[0]


@given(st.text())
def test_tokens_do_not_depend_on_the_case_of_ascii_letters(text: str) -> None:
    ascii_only = text.encode("ascii", "ignore").decode()
    assert term_tokens(ascii_only.upper()) == term_tokens(ascii_only.lower())


@pytest.mark.parametrize("unit", ["diabetes mellitus type ", "type ", "\ufdfa", "-", "a\u0301"])
def test_hostile_texts_take_linear_time(table: TermTable, unit: str) -> None:
    start = time.process_time()
    table.concepts([unit * 20_000])
    assert time.process_time() - start < 5
