"""Each difference from CLUE's arithmetic, with both numbers."""

import gzip
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.metrics import clue2024
from clueplus.metrics.choice import parse_option
from clueplus.metrics.counts import Counts
from clueplus.metrics.icd_codes import category_matches, exact_matches, parse_codes, valid_ratio
from clueplus.metrics.labels import NLI, parse_label


def test_the_first_item_counts_twice() -> None:
    values = [1.0, 0.0, 0.0]
    assert fmean(clue2024.first_twice(values)) == 0.5
    assert fmean(values) == pytest.approx(1 / 3)
    assert clue2024.first_twice([]) == []


def test_published_mednli_values_have_a_denominator_of_1420() -> None:
    # 1,422 pairs less three few-shot examples, and the first again.
    values = [1.0] + [0.0] * 1418
    assert fmean(clue2024.first_twice(values)) == 2 / 1420


@pytest.mark.parametrize(
    ("answer", "gold", "clue", "ours"),
    [
        ("entailment, neutral or contradiction", "neutral", True, None),
        ("not entailment", "entailment", True, None),
        ("Neutral. It is neutral.", "neutral", False, "neutral"),
        ("ENTAILMENT", "entailment", True, "entailment"),
        ("noncontradiction", "contradiction", True, None),
    ],
)
def test_a_label_is_right_where_it_occurs_exactly_once(answer: str, gold: str, clue: bool, ours: str | None) -> None:
    assert clue2024.mednli_is_correct(answer, gold) == clue
    assert parse_label(answer, NLI) == ours


def test_the_narrow_expression_misses_389_billable_codes(data_mirror: Path) -> None:
    order = gzip.decompress((data_mirror / "icd10cm_2021" / "icd10cm-order-Jan-2021.txt.gz").read_bytes()).decode()
    billable = [line[6:13].strip() for line in order.splitlines() if line[14] == "1"]
    missed = [code for code in billable if clue2024.find_codes(code) != [code]]
    assert len(missed) == 389
    assert {code[:3] for code in missed} == {"C4A", "C7A", "C7B", "D3A", "M1A", "O9A", "U07", "Z3A"}
    assert [code for code in billable if parse_codes(code) != [code]] == []


def test_codes_that_are_no_codes_and_repeats_are_found() -> None:
    answer = "Vitamin B12 deficiency, I10, I10"
    assert clue2024.find_codes(answer) == ["B12", "I10", "I10"]
    assert parse_codes(answer) == ["I10"]


def test_repeats_change_the_f1_of_lists() -> None:
    predicted, gold = ["I10", "I10", "I10", "E119"], ["I10", "K219"]
    assert clue2024.list_f1(predicted, gold) == pytest.approx(0.6)
    assert exact_matches(predicted, gold).f1 == 0.5
    assert clue2024.valid_ratio(predicted, {"I10"}) == 0.75
    assert valid_ratio(predicted, {"I10"}) == 0.5


def test_a_note_without_codes_has_one_that_nobody_can_find() -> None:
    assert clue2024.gold_codes([]) == [""]
    assert clue2024.gold_codes(["I10", "E119"]) == ["I10", "E119"]
    assert clue2024.list_f1([], clue2024.gold_codes([])) == 0.0
    assert clue2024.category_f1([], clue2024.gold_codes([])) == 0.0
    assert exact_matches([], []).f1 is None
    assert category_matches([], []).f1 is None


def test_no_codes_are_0_percent_valid() -> None:
    assert clue2024.valid_ratio([], {"I10"}) == 0.0
    assert valid_ratio([], {"I10"}) is None


def test_two_texts_without_concepts_have_nothing_in_common() -> None:
    assert clue2024.set_f1(set(), set()) == 0.0
    assert Counts(0, 0, 0).f1 is None


def test_the_last_option_that_contains_the_right_one_is_gold() -> None:
    options = {"A": "Aspirin", "B": "Aspirin 100 mg", "C": "Heparin"}
    assert clue2024.longhealth_gold(options, "Aspirin") == "B"
    assert [letter for letter, text in options.items() if text == "Aspirin"] == ["A"]
    assert clue2024.longhealth_gold(options, "Warfarin") is None


@pytest.mark.parametrize(
    ("answer", "clue", "ours"),
    [
        ("The correct answer is B: Aspirin 100 mg.", "B", "B"),
        ("The correct answer is B.", None, "B"),
        ("B", None, "B"),
        ("The correct answer is Z: Zinc", "Z", None),
    ],
)
def test_only_one_phrase_is_a_choice(answer: str, clue: str | None, ours: str | None) -> None:
    assert clue2024.longhealth_choice(answer) == clue
    assert parse_option(answer, ["Aspirin", "Aspirin 100 mg", "Heparin"]) == ours


codes = st.lists(st.sampled_from(["I10", "E119", "E1165", "K219"]), max_size=6)


@given(codes, st.sets(st.sampled_from(["I10", "E119", "E1165", "K219"]), min_size=1).map(sorted))
def test_without_repeats_and_empty_notes_both_versions_agree(predicted: list[str], gold: list[str]) -> None:
    once = sorted(set(predicted))
    assert clue2024.list_f1(once, clue2024.gold_codes(gold)) == pytest.approx(exact_matches(once, gold).f1)
    assert clue2024.category_f1(predicted, gold) == pytest.approx(category_matches(predicted, gold).f1)
    assert clue2024.set_f1(set(predicted), gold) == pytest.approx(exact_matches(predicted, gold).f1)
    for f1 in (clue2024.list_f1(predicted, gold), clue2024.category_f1(predicted, gold)):
        assert 0 <= f1 <= 1
    assert clue2024.list_f1(gold, gold) == 1.0
