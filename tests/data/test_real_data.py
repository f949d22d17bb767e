"""The official documents, built from the real source files of a mirror."""

import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from clueplus.data import Library, load_splits
from clueplus.data.documents import documents_digest
from clueplus.data.icd10cm import ROOT, dotted, read_icd10cm
from clueplus.data.verify import verify_task
from clueplus.errors import DataError
from clueplus.registry import Catalog

SHIPPED = ["aci_bench", "icd10cm", "medec", "meqsum"]
REPOSITORY = Path(__file__).resolve().parents[2]
DIGEST = """
import sys
from pathlib import Path
from clueplus.data import Library, load_splits
from clueplus.data.documents import documents_digest
from clueplus.registry import Catalog
splits = load_splits(Catalog().task("icd10cm"), "official", Library(Path(sys.argv[1]), Path(sys.argv[2])))
print(documents_digest(splits.test), documents_digest(splits.fewshot))
"""


def load(name, folder, mirror):
    return load_splits(Catalog().task(name), "official", Library(folder, mirror))


@pytest.fixture(scope="module")
def empty_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def icd10cm(empty_folder, data_mirror):
    return load("icd10cm", empty_folder, data_mirror)


@pytest.fixture(scope="module")
def table(empty_folder, data_mirror):
    sources = Catalog().task("icd10cm").metadata.variants["official"].sources
    return read_icd10cm(*(Library(empty_folder, data_mirror).read(source) for source in sources))


@pytest.fixture(scope="module")
def codes_of(table):
    """The codes of each definition, case apart."""
    codes = defaultdict(list)
    for code, text in table.descriptions.items():
        codes[text.casefold()].append(code)
    return codes


def distance(table, one, other):
    """Edges between two codes: up from both to their nearest common ancestor."""
    up, across = [one, *table.ancestors(one)], [other, *table.ancestors(other)]
    common = next(node for node in up if node in across)
    return up.index(common) + across.index(common)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_official_documents_equal_their_statistics(name, tmp_path, data_mirror):
    found = verify_task(Catalog().task(name), "official", Library(tmp_path, data_mirror))
    assert found.endswith("as described")


@pytest.mark.parametrize("name", SHIPPED)
def test_one_changed_byte_in_any_source_file_is_found_and_the_file_named(name, tmp_path, data_mirror):
    spec = Catalog().task(name)
    for number, source in enumerate(spec.metadata.variants["official"].sources):
        folder = tmp_path / str(number)
        content = bytearray(Library(folder, data_mirror).read(source))
        content[len(content) // 2] ^= 1
        path = folder / source.file
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"expected sha256 {source.sha256}") as caught:
            verify_task(spec, "official", Library(folder, data_mirror))
        assert str(path) in str(caught.value)


def test_meqsum_tests_on_all_its_questions(tmp_path, data_mirror):
    splits = load("meqsum", tmp_path, data_mirror)
    assert len(splits.test) == 1000
    test, fewshot = ({" ".join(d["question"].casefold().split()) for d in s} for s in (splits.test, splits.fewshot))
    assert not test & fewshot


def test_the_first_examples_of_meqsum_are_of_ordinary_length(tmp_path, data_mirror):
    examples = load("meqsum", tmp_path, data_mirror).fewshot[:3]
    assert all(30 <= len(document["question"].split()) <= 90 for document in examples)


def test_medec_tests_on_597_notes_of_which_287_cases_come_twice(tmp_path, data_mirror):
    test = load("medec", tmp_path, data_mirror).test
    notes = Counter(Counter(document["case"] for document in test).values())
    assert len(test) == 597
    assert notes == {1: 23, 2: 287}


def test_of_the_two_notes_of_a_case_of_medec_one_has_an_error(tmp_path, data_mirror):
    cases = defaultdict(list)
    for document in load("medec", tmp_path, data_mirror).test:
        cases[document["case"]].append(document["error_id"] >= 0)
    pairs = Counter(tuple(sorted(errors)) for errors in cases.values() if len(errors) == 2)
    assert pairs == {(False, True): 286, (True, True): 1}  # one case comes with two errors and never without


def test_the_examples_of_medec_are_of_cases_that_are_not_tested(tmp_path, data_mirror):
    splits = load("medec", tmp_path, data_mirror)
    assert {d["sentences"][0] for d in splits.fewshot[:2]}.isdisjoint(d["sentences"][0] for d in splits.test)


def test_the_first_examples_of_medec_show_both_answers_of_two_cases(tmp_path, data_mirror):
    first, second = load("medec", tmp_path, data_mirror).fewshot[:2]
    assert first["error_id"] >= 0
    assert second["error_id"] == -1
    assert first["case"] != second["case"]


def test_the_error_types_of_medec_are_those_of_the_sample(tmp_path, data_mirror):
    spec, library = Catalog().task("medec"), Library(tmp_path, data_mirror)
    official, sample = (load_splits(spec, variant, library).test for variant in ("official", "sample"))
    assert {document["error_type"] for document in official} == {document["error_type"] for document in sample}


def test_the_first_notes_of_medec_are_no_sorted_lot(tmp_path, data_mirror):
    first = load("medec", tmp_path, data_mirror).test[:20]
    assert len({document["error_type"] for document in first}) >= 4


def test_aci_bench_tests_on_three_sets_of_forty_visits(tmp_path, data_mirror):
    test = load("aci_bench", tmp_path, data_mirror).test
    assert Counter(document["part"] for document in test) == {"test1": 40, "test2": 40, "test3": 40}
    assert "\r" not in "".join(document["dialogue"] + document["note"] for document in test)


def test_icd10cm_asks_three_questions_for_each_of_two_thousand_codes(icd10cm):
    assert len(icd10cm.test) == 6000
    assert Counter(document["level"] for document in icd10cm.test) == {"easy": 2000, "medium": 2000, "hard": 2000}
    assert set(Counter(document["code"] for document in icd10cm.test).values()) == {3}


def test_the_three_questions_for_a_code_stand_together(icd10cm):
    codes = [document["code"] for document in icd10cm.test]
    assert codes == [code for code in codes[::3] for _ in range(3)]


def test_exactly_one_option_is_the_definition_of_the_code_and_the_answer(icd10cm, table):
    for document in [*icd10cm.test, *icd10cm.fewshot]:
        gold = table.descriptions[document["code"].replace(".", "")]
        right = [letter for letter, text in zip("ABCD", document["options"], strict=True) if text == gold]
        assert right == [document["answer"]]


def test_all_four_options_differ_by_more_than_case(icd10cm):
    documents = [*icd10cm.test, *icd10cm.fewshot]
    assert all(len({option.casefold() for option in document["options"]}) == 4 for document in documents)


@pytest.mark.parametrize(("level", "least", "most"), [("easy", 1, 99), ("medium", 3, 5), ("hard", 2, 2)])
def test_distractors_are_at_the_distance_of_the_level_and_not_in_line_with_the_code(
    icd10cm, table, codes_of, level, least, most
):
    for document in (d for d in [*icd10cm.test, *icd10cm.fewshot] if d["level"] == level):
        gold = document["code"].replace(".", "")
        for option in document["options"]:
            if option == table.descriptions[gold]:
                continue
            fitting = [
                code
                for code in codes_of[option.casefold()]
                if least <= distance(table, gold, code) <= most
                and code not in table.ancestors(gold)
                and gold not in table.ancestors(code)
            ]
            assert fitting, document["id"]


def test_each_letter_is_the_answer_about_as_often(icd10cm):
    letters = Counter(document["answer"] for document in icd10cm.test)
    assert set(letters) == set("ABCD")
    assert all(0.22 <= count / len(icd10cm.test) <= 0.28 for count in letters.values())


def test_the_examples_of_icd10cm_are_of_categories_that_are_not_tested(icd10cm):
    test, fewshot = ({document["code"][:3] for document in part} for part in (icd10cm.test, icd10cm.fewshot))
    assert len(icd10cm.fewshot) == 600
    assert not test & fewshot


def test_codes_and_chapters_of_icd10cm_are_those_of_the_table(icd10cm, table):
    for document in icd10cm.test:
        code = document["code"].replace(".", "")
        assert document["code"] == dotted(code)
        assert table.ancestors(code)[-2:] == [document["chapter"], ROOT]


def test_icd10cm_is_the_same_in_another_process_with_other_hashes_of_strings(icd10cm, tmp_path, data_mirror):
    found = subprocess.run(
        [sys.executable, "-c", DIGEST, str(tmp_path), str(data_mirror)],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONHASHSEED": "20211001", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert found.stdout.split() == [documents_digest(icd10cm.test), documents_digest(icd10cm.fewshot)]
