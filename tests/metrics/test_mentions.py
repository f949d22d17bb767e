"""Values of an answer are found where they stand in the note, and nowhere else."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.metrics.counts import micro
from clueplus.metrics.mentions import locate, place_values, places
from clueplus.metrics.spans import Span, count_spans, nowhere
from tests.support.pubtator import pubtator

NOTE = "Denies alcohol.  Smoker: one\n pack a day, a smoker since 1990; denies drugs."

# Letters whose lower case is longer, spaces of many kinds, lone surrogates.
texts = st.text(st.sampled_from("aAbBß İſKΣς \n\t\u00a0\ud800.,-é"), max_size=40)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("alcohol", ["alcohol"]),
        ("denies", ["Denies", "denies"]),
        ("DENIES", ["Denies", "denies"]),
        ("one pack a day", ["one\n pack a day"]),
        (" one  pack\n", ["one\n pack"]),
        ("a", ["a", "a"]),
        ("smok", ["Smok", "smok"]),
        ("smoker", ["Smoker", "smoker"]),
        ("heroin", []),
        ("", []),
        (" \n", []),
    ],
)
def test_every_place_of_a_value_is_found(value: str, expected: list[str]) -> None:
    assert [NOTE[start:end] for start, end in places(value, NOTE)] == expected


@settings(max_examples=300, deadline=None)
@given(texts, texts)
def test_what_is_found_reads_like_the_value(value: str, note: str) -> None:
    for start, end in places(value, note):
        assert 0 <= start < end <= len(note)
        assert not note[start].isspace()
        assert not note[end - 1].isspace()
        assert note[start:end].casefold().split() == value.casefold().split() or not (value + note).isascii()


@settings(max_examples=300, deadline=None)
@given(texts, st.integers(0, 40), st.integers(1, 10))
def test_any_stretch_of_a_note_is_found_where_it_stands(note: str, start: int, size: int) -> None:
    value = note[start : start + size]
    start += len(value) - len(value.lstrip())
    value = value.strip()
    if value:
        gold = [Span(start, start + len(value), "X")]
        assert place_values([("X", value)], note, gold) == gold


def test_locate_takes_the_first_place_that_is_free() -> None:
    first = locate("denies", NOTE)
    second = locate("denies", NOTE, {first})
    assert first == (0, 6)
    assert NOTE[slice(*second)] == "denies"
    assert second[0] > 50
    assert locate("denies", NOTE, {first, second}) is None
    assert locate("heroin", NOTE) is None


def test_a_value_is_placed_where_its_label_has_a_gold_span() -> None:
    late = places("denies", NOTE)[1]
    assert place_values([("Drug", "denies")], NOTE, [Span(*late, "Drug")]) == [Span(*late, "Drug")]
    assert place_values([("Drug", "denies")], NOTE, [Span(*late, "Alcohol")]) == [Span(0, 6, "Drug")]
    overlapping = Span(late[0], late[1] + 6, "Drug")
    assert place_values([("Drug", "denies")], NOTE, [overlapping]) == [Span(*late, "Drug")]


def test_an_exact_gold_span_goes_before_one_that_overlaps() -> None:
    early, late = places("denies", NOTE)
    gold = [Span(early[0], early[1] + 3, "Drug"), Span(*late, "Drug")]
    assert place_values([("Drug", "denies")], NOTE, gold) == [Span(*late, "Drug")]


def test_each_place_serves_a_label_once() -> None:
    found = place_values([("Drug", "denies")] * 3, NOTE, [])
    assert sorted(found) == sorted([nowhere("Drug"), *[Span(*place, "Drug") for place in places("denies", NOTE)]])
    assert place_values([("A", "alcohol"), ("B", "Alcohol")], NOTE, []) == [Span(7, 14, "A"), Span(7, 14, "B")]
    assert place_values([("A", "alcohol"), ("A", "Alcohol ")], NOTE, []) == [Span(7, 14, "A"), nowhere("A")]


def test_part_of_a_word_is_a_place_where_the_reference_says_so_or_nothing_else_is() -> None:
    note = "a smoker; smok"
    assert place_values([("X", "smok")], note, []) == [Span(10, 14, "X")]
    assert place_values([("X", "smok")], note, [Span(2, 6, "X")]) == [Span(2, 6, "X")]
    assert places("smok", "a smoker") == [(2, 6)]


answers = st.lists(st.tuples(st.sampled_from("XY"), texts), max_size=8)


@settings(max_examples=200, deadline=None)
@given(answers, texts, st.randoms(use_true_random=False))
def test_every_value_counts_once_and_order_does_not_matter(answer, note, random) -> None:
    gold = [Span(0, 3, "X"), Span(2, 5, "Y")]
    found = place_values(answer, note, gold)
    assert sorted(span.label for span in found) == sorted(label for label, _ in answer)
    assert sorted(place_values(random.sample(answer, len(answer)), note, gold)) == sorted(found)
    placed = [span for span in found if span.start >= 0]
    assert len(set(placed)) == len(placed)


@pytest.mark.parametrize("file", ["NCBItestset_corpus.txt", "NCBIdevelopset_corpus.txt"])
def test_real_mentions_are_all_found_where_they_stand(data_mirror: Path, file: str) -> None:
    counts, upper = [], []
    for note, gold in pubtator(data_mirror / "ncbi_disease" / file):
        values = [(span.label, note[span.start : span.end]) for span in gold]
        counts.append(count_spans(place_values(values, note, gold), gold, boundaries="exact"))
        shouted = [(label, "  ".join(value.upper().split())) for label, value in values]
        upper.append(count_spans(place_values(shouted, note, gold), gold, boundaries="exact"))
    assert micro(counts).f1 == 1.0
    assert micro(upper).f1 == 1.0


def test_values_that_are_not_in_a_real_note_are_spurious(data_mirror: Path) -> None:
    note, gold = pubtator(data_mirror / "ncbi_disease" / "NCBItestset_corpus.txt")[0]
    values = [(span.label, note[span.start : span.end] + "zz") for span in gold]
    assert count_spans(place_values(values, note, gold), gold, boundaries="overlap") == (0, len(gold), len(gold))


@pytest.mark.parametrize("value", ["a", "a a", "aaaaaaaaaaaaaaaaaaaa", "b", " "])
@pytest.mark.parametrize("unit", ["a", "a ", "a\n\n"])
def test_a_long_note_takes_less_than_a_second(value: str, unit: str) -> None:
    note = unit * 50_000
    start = time.process_time()
    place_values([("X", value)], note, [Span(0, 1, "X")])
    assert time.process_time() - start < 1
