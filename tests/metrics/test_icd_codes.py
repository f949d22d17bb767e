"""Every billable code of 2021 is read out of an answer, nothing else is, and scores are those of scikit-learn."""

import gzip
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from clueplus.data.icd10cm import ROOT, Icd10cm, dotted, read_icd10cm
from clueplus.metrics.counts import Counts, macro, micro
from clueplus.metrics.icd_codes import (
    category_matches,
    count_by_code,
    exact_matches,
    hierarchical_matches,
    parse_codes,
    plain_code,
    prefixes,
    valid_ratio,
)


@pytest.fixture(scope="module")
def table(data_mirror: Path) -> Icd10cm:
    folder = data_mirror / "icd10cm_2021"
    names = ("icd10cm-order-Jan-2021.txt.gz", "icd10cm_tabular_2021.xml.gz")
    return read_icd10cm(*(gzip.decompress((folder / name).read_bytes()) for name in names))


def test_every_code_of_2021_is_read_with_and_without_its_dot(table: Icd10cm) -> None:
    assert len(table.billable) == 72_621
    for code in table.descriptions:
        assert parse_codes(code) == [code]
        assert parse_codes(dotted(code)) == [code]
        assert parse_codes(dotted(code).lower()) == [code]


def test_every_code_is_read_in_front_of_its_description_and_nothing_else(table: Icd10cm) -> None:
    for number, (code, text) in enumerate(table.descriptions.items()):
        assert parse_codes(f"{number}. **{dotted(code)}** - {text}") == [code]
    found = {code for text in table.descriptions.values() for code in parse_codes(text)}
    assert found == {"U07"}  # "Vaping-related disorder (see U07.0)" and the like name it as a code


def test_all_codes_are_read_from_one_list(table: Icd10cm) -> None:
    codes = sorted(table.billable)
    for separator in (", ", "\n", "; ", ",", " ", "|"):
        assert parse_codes(separator.join(map(dotted, codes))) == codes


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        ("ICD-10 Codes: I10, E11.65", ["I10", "E1165"]),
        ("1. I10 - Essential hypertension\n2) E1165: Type 2 diabetes", ["I10", "E1165"]),
        ("- **I10**\n* `E11.65`\n• (Z79.4)", ["I10", "E1165", "Z794"]),
        ('{"codes": ["I10", "M1A.9XX0"]}', ["I10", "M1A9XX0"]),
        ("COVID-19 (U07.1)", ["U071"]),
        ("Hypertension [I10]. Diabetes (E11.9).", ["I10", "E119"]),
        ("e11.9, i10", ["E119", "I10"]),
        ("I10, I10 and I10", ["I10"]),
        ("E11.9, E119, e11.9", ["E119"]),
        ("I10/E11.9|K21.9", ["I10", "E119", "K219"]),
        ("1.I10 2.E11.9", ["I10", "E119"]),
        ("I10-Hypertension", ["I10"]),
        ("E11.- with Z79.4", ["E11", "Z794"]),
        ("S72.001A", ["S72001A"]),
        ("W20.XXXA and E11.x", ["W20XXXA", "E11X"]),
        ("M2B.1 and X99.9Z", ["M2B1", "X999Z"]),
        ("<think>I10?</think>E11.9", ["E119"]),
        ("Y93.K1, Y93K1, Y93K", ["Y93K1", "Y93K"]),
    ],
)
def test_codes_are_read_in_any_format(answer: str, codes: list[str]) -> None:
    assert parse_codes(answer) == codes


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "No codes.",
        "ICD-10-CM, ICD10, ICD-10",
        "aspirin 81 mg, 5mg Q12H, q24h, B12 1000 mcg, D5W, D10W at 75 ml/h",
        "HbA1C 7.2%, A1C, A1C 7.5, A1C.Then, CD4 200, pH 7.35, SpO2 98%, O2 2L, H1N1, T3, FT4",
        "2021-01-05, 05/12/2020, 12.05.2021, 10:30, 2021-01-05T1200",
        "T11-T12 vertebra, L4-L5, C5-C6, S1, T12, vertebrae E08-E13",
        "CYP450, P450, E. coli O157",
        "COVID-19 SARS-CoV-2 G6PD BRCA1 PM2.5 HER2 IL-6",
        "A123456789, E11.9.1, ABC10, I10A10B10C",
        "A10%, M15/30",
    ],
)
def test_words_doses_and_dates_are_no_codes(answer: str) -> None:
    assert parse_codes(answer) == []


@pytest.mark.parametrize(
    "file",
    ["medec_ms/MEDEC-MS-TestSet-with-GroundTruth-and-ErrorType.csv", "aci_bench/train.csv", "aci_bench/valid.csv"],
)
def test_no_code_is_seen_in_real_notes_without_codes(data_mirror: Path, file: str) -> None:
    assert parse_codes((data_mirror / file).read_text(encoding="utf-8")) == []


messy = st.lists(st.sampled_from([*"AEMUXx10.9-–, \n", "M1A", "E11", "<think>"]) | st.text(max_size=3), max_size=30)


@settings(max_examples=500, deadline=None)
@given(messy.map("".join))
def test_any_text_gives_plain_codes_each_once(answer: str) -> None:
    codes = parse_codes(answer)
    assert len(set(codes)) == len(codes)
    for code in codes:
        assert code == plain_code(code)
        assert 3 <= len(code) <= 7
        assert parse_codes(dotted(code)) == [code]


@pytest.mark.parametrize("unit", ["A", "1", "A10", "A10.", "A10.X", " A10-", "A10–", "a1b.x", ".", "M1A", "<think>"])
def test_a_million_characters_take_less_than_two_seconds(unit: str) -> None:
    start = time.process_time()
    parse_codes((unit * 10**6)[: 10**6])
    assert time.process_time() - start < 2


CODES = ["I10", "E1165", "E119", "E1010", "M1A9XX0", "S72001A", "S72002A", "U071"]
code_sets = st.lists(st.sampled_from(CODES), max_size=6)
notes = st.lists(st.tuples(code_sets, code_sets), min_size=1, max_size=8)


def indicators(sets: list[set[str]]) -> np.ndarray:
    return np.array(
        [[code in codes for code in sorted({*CODES, *(c[:3] for c in CODES)})] for codes in sets], dtype=int
    )


@settings(deadline=None)
@given(notes)
def test_scores_are_the_multilabel_f1_of_scikit_learn(rows: list[tuple[list[str], list[str]]]) -> None:
    for score, part in ((exact_matches, lambda code: code), (category_matches, lambda code: code[:3])):
        counts = [score(ours, gold) for ours, gold in rows]
        peer = [indicators([{part(code) for code in row[side]} for row in rows]) for side in (1, 0)]
        for ours, average in ((micro(counts).f1, "micro"), (macro(counts).f1, "samples")):
            expected = f1_score(*peer, average=average, zero_division=np.nan)
            assert ours == pytest.approx(expected, abs=1e-12) if ours is not None else np.isnan(expected)


@settings(deadline=None)
@given(notes)
def test_the_macro_mean_over_codes_is_that_of_scikit_learn(rows: list[tuple[list[str], list[str]]]) -> None:
    parts: dict[str, list[Counts]] = {}
    for ours, gold in rows:
        for code, counts in count_by_code(ours, gold).items():
            parts.setdefault(code, []).append(counts)
    peer = [indicators([set(row[side]) for row in rows]) for side in (1, 0)]
    expected = f1_score(*peer, average="macro", zero_division=np.nan)
    found = macro(micro(counts) for counts in parts.values()).f1
    assert found == pytest.approx(expected, abs=1e-12) if found is not None else np.isnan(expected)


@settings(deadline=None)
@given(code_sets, code_sets)
def test_looser_scores_are_no_lower_in_matches_and_gold_scores_1(ours: list[str], gold: list[str]) -> None:
    for score in (exact_matches, category_matches, hierarchical_matches):
        assert score(gold, gold).f1 == (1.0 if gold else None)
        assert score(ours + ours, gold) == score(ours, gold)
        assert score(map(dotted, ours), (code.lower() for code in gold)) == score(ours, gold)
        f1 = score(ours, gold).f1
        assert f1 is None or 0 <= f1 <= 1
    assert hierarchical_matches(ours, gold).matched >= exact_matches(ours, gold).matched
    assert category_matches([], gold).f1 == (0.0 if gold else None)


def test_the_prefixes_of_a_code_are_its_choices_from_the_category_down() -> None:
    assert prefixes("I10") == []
    assert prefixes("E11.65") == ["E11", "E116"]
    assert prefixes("T36.0X1A") == ["T36", "T360", "T360X1"]
    assert prefixes("M1A.9XX0") == ["M1A", "M1A9"]


def test_a_code_beside_the_right_one_earns_the_path_they_share() -> None:
    # E11, E116, E1165 against E11, E119: one node in common.
    assert hierarchical_matches(["E11.9"], ["E11.65"]) == (1, 2, 3)
    assert hierarchical_matches(["E11.6"], ["E11.65"]) == (2, 2, 3)
    assert hierarchical_matches(["I10"], ["E11.65"]) == (0, 1, 3)
    near, far = (hierarchical_matches([code], ["S72.001A"]).f1 for code in ("S72.002A", "S72.9XXA"))
    assert 0 < far < near < 1


def test_ancestors_can_come_from_the_tabular_list(table: Icd10cm) -> None:
    def above(code: str) -> list[str]:
        return [node for node in table.ancestors(code) if node != ROOT] if code in table.descriptions else []

    # Both are in chapter 4 and block E08-E13; the categories differ.
    assert hierarchical_matches(["E10.9"], ["E11.9"], above) == (2, 4, 4)
    assert hierarchical_matches(["E10.9"], ["E11.9"]).matched == 0
    assert hierarchical_matches(["E99.9"], ["E11.9"], above) == (0, 1, 4)


def test_the_valid_ratio_counts_each_code_once_and_is_none_without_codes() -> None:
    assert valid_ratio(["I10", "i10", "E11.65", "E99.9"], {"I10", "E1165"}) == 2 / 3
    assert valid_ratio(["E99.9"], {"I10"}) == 0.0
    assert valid_ratio([], {"I10"}) is None


def test_gold_answers_score_1_and_corrupted_ones_do_not(table: Icd10cm) -> None:
    codes = sorted(table.billable)
    for start in range(0, len(codes) - 12, 5_000):
        gold = codes[start : start + 12]
        answer = "\n".join(f"{dotted(code)}: {table.descriptions[code]}" for code in gold)
        assert exact_matches(parse_codes(answer), gold).f1 == valid_ratio(parse_codes(answer), table.billable) == 1.0
        half = parse_codes("\n".join(answer.splitlines()[::2]))
        assert exact_matches(half, gold) == (6, 6, 12)
        invented = parse_codes(", ".join(f"{dotted(code)}" for code in ["Q99.99", "Z99.999"]))
        assert exact_matches(invented, gold).f1 == valid_ratio(invented, table.billable) == 0.0
