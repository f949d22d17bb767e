"""Documents that are made of registered open data, and what of them is kept from the benchmark."""

import gzip

import pytest

from clueplus.data import Library, load_splits
from clueplus.errors import DataError
from clueplus.registry import Catalog
from clueplus.training.corpora.build import build_corpus
from clueplus.training.corpora.code_pages import code_pages
from clueplus.training.corpora.derived import derive
from clueplus.training.corpora.overlap import RowWords
from clueplus.training.corpora.spec import CorpusSpec
from tests.support.corpora import read_rows

ORDER = [
    ("E11", 0, "Type 2 diabetes mellitus"),
    ("E116", 0, "Type 2 diabetes mellitus with other specified complications"),
    ("E1165", 1, "Type 2 diabetes mellitus with hyperglycemia"),
    ("S00", 0, "Superficial injury of head"),
    ("S00XXXA", 1, "Superficial injury of head, initial encounter"),
]
TABULAR = b"""<?xml version='1.0' encoding='utf-8'?>
<ICD10CM.tabular>
 <chapter><name>4</name><desc>Endocrine diseases (E00-E89)</desc>
  <section id='E08-E13'><desc>Diabetes mellitus (E08-E13)</desc>
   <diag><name>E11</name><desc>Type 2 diabetes mellitus</desc>
    <includes><note>diabetes NOS</note><note>insulin   resistant
     diabetes</note></includes>
    <excludes1><note>type 1 diabetes (E10.-)</note></excludes1>
    <useAdditionalCode><note>insulin (Z79.4)</note></useAdditionalCode>
    <diag><name>E11.6</name><desc>Type 2 diabetes mellitus with other specified complications</desc>
     <diag><name>E11.65</name><desc>Type 2 diabetes mellitus with hyperglycemia</desc>
      <inclusionTerm><note>Diabetes out of control</note></inclusionTerm></diag>
    </diag>
   </diag>
  </section>
 </chapter>
 <chapter><name>19</name><desc>Injury (of any cause)</desc>
  <section id='S00-S09'><desc>Injuries to the head (S00-S09)</desc>
   <diag><name>S00</name><desc>Superficial injury of head</desc></diag>
  </section>
 </chapter>
</ICD10CM.tabular>
"""


@pytest.fixture(scope="module")
def pages():
    lines = [f"{n:05d} {code:<7} {flag} {text[:60]:<60} {text}" for n, (code, flag, text) in enumerate(ORDER)]
    return list(code_pages(("\r\n".join(lines) + "\r\n").encode(), TABULAR))


def test_a_code_has_its_title_its_place_and_its_notes(pages):
    assert pages[2] == (
        "ICD-10-CM E11.65\nType 2 diabetes mellitus with hyperglycemia\nA code. Its place, from the top:\n"
        "- Chapter 4: Endocrine diseases\n- E08-E13: Diabetes mellitus\n- E11: Type 2 diabetes mellitus\n"
        "- E11.6: Type 2 diabetes mellitus with other specified complications\n"
        "Also called:\n- Diabetes out of control"
    )


def test_a_category_has_its_notes_and_what_is_below_it(pages):
    assert pages[0].startswith("ICD-10-CM E11\nType 2 diabetes mellitus\nA group of codes.")
    assert "\nIncludes:\n- diabetes NOS\n- insulin resistant diabetes\nNever coded here:\n- type 1 diabetes" in pages[0]
    assert pages[0].endswith("Below it:\n- E11.6: Type 2 diabetes mellitus with other specified complications")


def test_a_code_that_only_the_order_file_has_stands_on_the_page_above_it(pages):
    assert len(pages) == 4
    assert pages[3].endswith("Below it:\n- S00.XXXA: Superficial injury of head, initial encounter")
    assert "Chapter 19: Injury (of any cause)" in pages[3], "only a range of codes is cut off"


def test_an_absent_file_is_told_with_where_to_get_it(tmp_path):
    with pytest.raises(DataError, match=r"no data: mts_dialog/MTS-Dialog-TrainingSet.csv .* download https://"):
        derive("mts_dialog", Catalog(), Library(tmp_path))


def test_a_changed_file_is_refused(tmp_path):
    (tmp_path / "mts_dialog").mkdir()
    (tmp_path / "mts_dialog" / "MTS-Dialog-TrainingSet.csv").write_text("changed")
    with pytest.raises(DataError, match="expected sha256 65a28681"):
        derive("mts_dialog", Catalog(), Library(tmp_path))


# What follows reads real data: skipped where it is not at hand.


@pytest.fixture
def real(at_hand, data_mirror):
    assert at_hand.library.mirror == data_mirror
    return at_hand


def derived_corpus(real, folder, name, **fields):
    source = {"name": "src", "licence": "see upstream", "derived": name, **fields.pop("source", {})}
    manifest = build_corpus(CorpusSpec(sources=[source], **fields), folder / name, real)
    return manifest, read_rows(folder / name)


def test_visit_notes_are_of_the_training_set_and_no_test_note_is_among_them(real, tmp_path):
    manifest, rows = derived_corpus(real, tmp_path, "aci_bench", decontaminate={"share": 0.11})
    assert list(manifest.sources[0].files) == ["aci_bench/train.csv"]
    assert len(rows) == 67
    tests = {
        document["note"] for document in load_splits(real.catalog.task("aci_bench"), "official", real.library).test
    }
    assert not tests & {row["text"] for row in rows}
    strict, kept = derived_corpus(real, tmp_path / "strict", "aci_bench")
    assert 10 <= len(kept) < 20, "visit notes are full of stock phrases"
    assert {(o.task, o.rule) for o in strict.overlaps} == {("aci_bench", "n-gram")}


def test_dialog_sections_that_are_premises_of_a_test_are_found(real, tmp_path):
    manifest, rows = derived_corpus(real, tmp_path, "mts_dialog")
    assert manifest.sources[0].read == 1201
    assert rows[0]["text"].startswith("GENHX\nThe patient is a 76-year-old")
    assert {(o.task, o.variant) for o in manifest.overlaps} == {("mednli", "open")}
    assert 10 <= manifest.dropped["overlap with a test split"] < 50


def test_code_pages_hold_the_definitions_and_no_question(real, data_mirror):
    _, pages = derive("icd10cm", real.catalog, real.library)
    index = real.benchmark(13).index
    texts = [page["text"] for page in pages]
    assert len(texts) == 45017
    assert all(not index.hits(RowWords([text])) for text in texts[::20])
    questions = load_splits(real.catalog.task("icd10cm"), "official", real.library).test
    assert any(text.startswith(f"ICD-10-CM {questions[0]['code'][:5]}") for text in texts)
    for question in questions[::30]:
        asked = "\n".join(f"{letter}. {option}" for letter, option in zip("ABCD", question["options"], strict=True))
        assert index.hits(RowWords([f"Which definition has {question['code']}?\n\n{asked}\n\nLetter:"]))


def test_a_real_test_file_is_refused_as_a_source(real, data_mirror, tmp_path):
    packed = gzip.compress((data_mirror / "ncbi_disease" / "NCBItestset_corpus.txt").read_bytes())
    (tmp_path / "abstracts.txt.gz").write_bytes(packed)
    source = {"name": "src", "licence": "none", "path": str(tmp_path / "abstracts.txt.gz")}
    with pytest.raises(DataError, match=r"abstracts\.txt\.gz is test data of ner_ncbi_disease"):
        build_corpus(CorpusSpec(sources=[source]), tmp_path / "out", real)
