"""The tree of ICD-10-CM, on a small table made by hand and on random ones."""

from collections import deque
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.data.icd10cm import ROOT, dotted, read_icd10cm
from clueplus.errors import DataError

# Chapter 1 has a block of one category with the category's name; A01 has a code with placeholders right below it.
CHAPTERS = {
    "1": {"A00-A09": ["A00", "A01"], "B10": ["B10"]},
    "2": {"C00-C14": ["C00"]},
}
CODES = ["A00", "A000", "A001", "A01", "A010", "A0101", "A0102", "A01XX1A", "B10", "B101", "B109", "C00", "C000"]


def order_line(number, code, billable, text):
    return f"{number:05d} {code:<7} {billable} {text[:60]:<60} {text}"


def order_file(codes):
    lines = [
        order_line(
            number, code, int(not any(other != code and other.startswith(code) for other in codes)), f"of {code}"
        )
        for number, code in enumerate(codes, start=1)
    ]
    return ("\r\n".join(lines) + "\r\n").encode()


def tabular_list(chapters):
    text = "<?xml version='1.0' encoding='utf-8'?>\n<ICD10CM.tabular>"
    for chapter, blocks in chapters.items():
        text += f"<chapter><name>{chapter}</name><sectionIndex><sectionRef id='ignored'/></sectionIndex>"
        for block, categories in blocks.items():
            diagnoses = "".join(
                f"<diag><name>{name}</name><diag><name>deeper</name></diag></diag>" for name in categories
            )
            text += f"<section id='{block}'><desc>x</desc>{diagnoses}</section>"
        text += "</chapter>"
    return f"{text}</ICD10CM.tabular>".encode()


@pytest.fixture
def table():
    return read_icd10cm(order_file(CODES), tabular_list(CHAPTERS))


def fault(order, tabular):
    with pytest.raises(DataError) as caught:
        read_icd10cm(order, tabular, "release")
    return str(caught.value)


def brute_force(table, code, least, most):
    """Codes at that distance in the undirected tree, by breadth-first search, without ancestors and descendants."""
    near = {}
    for node, parent in table.parents.items():
        near.setdefault(node, []).append(parent)
        near.setdefault(parent, []).append(node)
    distance, queue = {code: 0}, deque([code])
    while queue:
        node = queue.popleft()
        for other in near[node]:
            if other not in distance:
                distance[other] = distance[node] + 1
                queue.append(other)

    def is_below(low, high):
        while low != ROOT:
            low = table.parents[low]
            if low == high:
                return True
        return False

    return sorted(
        other
        for other, steps in distance.items()
        if other in table.descriptions and least <= steps <= most and other != code
        if not is_below(other, code) and not is_below(code, other)
    )


def test_descriptions_and_billable_codes_are_read_from_their_columns(table):
    assert list(table.descriptions) == CODES
    assert table.descriptions["A0101"] == "of A0101"
    assert table.billable == {"A000", "A001", "A0101", "A0102", "A01XX1A", "B101", "B109", "C000"}


def test_a_long_description_is_kept_whole():
    text = "A description of more than sixty characters, which the short column cuts somewhere before its end"
    order = (order_line(1, "A00", 1, text) + "\n").encode()
    assert read_icd10cm(order, tabular_list({"1": {"A00": ["A00"]}})).descriptions["A00"] == text


def test_parents_go_from_codes_through_blocks_and_chapters_to_the_root(table):
    assert table.ancestors("A0101") == ["A010", "A01", "block A00-A09", "1", ROOT]


def test_the_parent_of_a_code_with_placeholders_is_the_nearest_shorter_code(table):
    assert table.parents["A01XX1A"] == "A01"


def test_a_block_with_the_name_of_its_category_is_another_node(table):
    assert table.ancestors("B10") == ["block B10", "1", ROOT]
    assert table.ancestors("B101") == ["B10", "block B10", "1", ROOT]


def test_only_categories_stand_below_a_block(table):
    assert table.children["block A00-A09"] == ["A00", "A01"]
    assert "deeper" not in table.parents


@pytest.mark.parametrize(("code", "chapter"), [("A00", "1"), ("A01XX1A", "1"), ("B109", "1"), ("C000", "2")])
def test_every_code_is_in_the_chapter_of_its_block(table, code, chapter):
    assert table.chapter(code) == chapter


@pytest.mark.parametrize(
    ("code", "least", "most", "found"),
    [
        ("A0101", 2, 2, ["A0102"]),
        ("A0101", 3, 3, ["A01XX1A"]),
        ("A0101", 2, 5, ["A0102", "A01XX1A", "A00", "A000", "A001"]),
        ("A0101", 5, 5, ["A000", "A001"]),
        ("A01", 2, 2, ["A00"]),
        ("B10", 2, 3, []),
        ("B10", 4, 4, ["A00", "A01"]),
        ("C00", 6, 6, ["A00", "A01", "B10"]),
    ],
)
def test_codes_at_a_distance_come_in_the_order_of_the_tree(table, code, least, most, found):
    assert table.at_distance(code, least, most) == found


def test_distances_equal_a_search_of_the_whole_tree(table):
    for code, least, most in product(CODES, range(1, 9), range(1, 9)):
        assert sorted(table.at_distance(code, least, most)) == brute_force(table, code, least, most)


@st.composite
def tables(draw):
    """A random release: up to three chapters of up to three blocks of up to three categories, and codes below."""
    sizes = draw(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=1, max_size=3))
    chapters, codes, number = {}, [], 0
    for chapter, blocks in enumerate(sizes, start=1):
        chapters[str(chapter)] = {}
        for size in blocks:
            categories = [f"A{n:02d}" for n in range(number, number + size)]
            number += size
            block = categories[0] if size == 1 else f"{categories[0]}-{categories[-1]}"
            chapters[str(chapter)][block] = categories
            codes += categories
    for place, suffix in draw(st.lists(st.tuples(st.integers(0, 50), st.sampled_from(["0", "1", "X1"])), max_size=20)):
        code = codes[place % len(codes)] + suffix
        if len(code) <= 7 and code not in codes:
            codes.append(code)
    return read_icd10cm(order_file(sorted(codes)), tabular_list(chapters))


@given(tables(), st.integers(1, 6), st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_distances_equal_a_search_of_random_trees(table, least, span):
    for code in table.descriptions:
        found = table.at_distance(code, least, least + span)
        assert sorted(found) == brute_force(table, code, least, least + span)


@pytest.mark.parametrize(
    "line",
    ["", "00002 A000    1", order_line(2, "", 1, "secret text"), order_line(2, "A000", "x", "secret text")],
    ids=["empty", "cut short", "no code", "no flag"],
)
def test_a_malformed_line_is_named_by_its_number(line):
    order = f"{order_line(1, 'A00', 0, 'of A00')}\n{line}\n{order_line(3, 'A001', 1, 'x')}\n".encode()
    assert fault(order, tabular_list(CHAPTERS)) == (
        "release: order file line 2: not code, flag and description at their columns"
    )


@pytest.mark.parametrize("tabular", [b"", b"<a>\n<b>", b"<a>\n</b>"])
def test_bad_xml_names_the_line(tabular):
    line = 2 if tabular else 1
    assert fault(order_file(CODES), tabular) == f"release: the tabular list is not valid XML (line {line})"


def test_a_category_without_a_block_is_named():
    message = fault(order_file([*CODES, "D00"]), tabular_list(CHAPTERS))
    assert message == "release: category D00 of the order file has no block in the tabular list"


def test_a_code_without_its_category_is_named():
    message = fault(order_file(["A00", "A020"]), tabular_list({"1": {"A00-A09": ["A00", "A02"]}}))
    assert message == "release: code A020 of the order file has no category there"


@pytest.mark.parametrize(("code", "written"), [("A00", "A00"), ("A000", "A00.0"), ("A01XX1A", "A01.XX1A")])
def test_codes_are_written_with_a_dot_after_the_category(code, written):
    assert dotted(code) == written
