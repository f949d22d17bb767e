"""From a task folder and a variant to documents; the shipped samples."""

import json
from collections import Counter

import pytest

from clueplus.data import Library, load_splits, task_dataset
from clueplus.data.load import import_module
from clueplus.data.verify import statistics, verify_task
from clueplus.errors import DataError
from clueplus.files import sha256
from clueplus.registry import Catalog, content_folder

SHIPPED = ["aci_bench", "icd10cm", "medec", "meqsum"]
CANARY = "Jane Roe, born 1961, has a cough"
HEADINGS = ("CHIEF COMPLAINT", "HISTORY OF PRESENT ILLNESS", "PHYSICAL EXAM", "RESULTS", "ASSESSMENT AND PLAN")
VARIANTS = """\
  cluster: summary
  variants:
    official:
      tier: open
      licence: MIT
      description: Words.
      sources:
        - file: mine/table.txt
          url: https://example.org/table.txt
          commit: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
          sha256: HASH
          licence: MIT
          tier: open
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library without any source file."""
    monkeypatch.delenv("CLUEPLUS_DATA_MIRROR", raising=False)
    monkeypatch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path / "no data here"))
    return Library(tmp_path / "data")


@pytest.fixture
def samples(library):
    return {name: load_splits(Catalog().task(name), "sample", library) for name in SHIPPED}


@pytest.fixture
def make_task(tmp_path):
    """Makes a task of a user: MeQSum's declaration, with the given samples and a module of its own."""

    def make_task(lines=(), *, code="", replace=("", "")):
        name = f"mine_{len(list(tmp_path.glob('tasks*')))}"
        folder = tmp_path / f"tasks_{name}" / name
        folder.mkdir(parents=True)
        text = (content_folder("tasks") / "meqsum" / "meqsum.yaml").read_text(encoding="utf-8")
        text = text.replace("task: meqsum\n", f"task: {name}\n", 1).replace("!function meqsum.", f"!function {name}.")
        (folder / f"{name}.yaml").write_text(text.replace(*replace), encoding="utf-8")
        (folder / f"{name}.py").write_text(
            f"from clueplus.data import task_dataset\ndef build(files):\n    {code or 'return {}'}\n"
            "dataset = task_dataset(__file__, build)\n"
        )
        (folder / "sample.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return Catalog([folder.parent]).task(name)

    return make_task


def line(name, split="test", **changes):
    document = {"id": name, "split": split, "question": f"{CANARY} {name}?", "summary": "A cough?"}
    return json.dumps(document | changes, ensure_ascii=False)


def fault(spec, library, variant="sample"):
    with pytest.raises(DataError) as caught:
        load_splits(spec, variant, library)
    assert CANARY not in str(caught.value)
    return str(caught.value)


def test_a_sample_loads_in_its_order(make_task, library):
    splits = load_splits(make_task([line("b"), line("f", "fewshot"), line("a")]), "sample", library)
    assert [document["id"] for document in splits.test] == ["b", "a"]
    assert splits.fewshot == [{"id": "f", "question": f"{CANARY} f?", "summary": "A cough?"}]


def test_a_sample_may_hold_any_line_separator_of_unicode(make_task, library):
    question = "first\u2028second\x85third\x0bfourth"
    splits = load_splits(make_task([line("a", question=question), line("f", "fewshot")]), "sample", library)
    assert splits.test[0]["question"] == question


def test_an_unknown_variant_lists_the_known_ones(make_task, library):
    assert fault(make_task([line("a")]), library, "private") == (
        "unknown variant 'private'. Fix: use one of official, open, sample"
    )


def test_a_variant_that_the_task_lacks_lists_those_it_has(library):
    message = fault(Catalog().task("medec"), library, "open")
    assert message == "medec has no variant 'open'. Fix: it has official, sample"


@pytest.mark.parametrize(
    "broken",
    [
        f'{{"id": "b", "question": "{CANARY}',
        "",
        json.dumps(CANARY),
        json.dumps([CANARY]),
        "7",
        json.dumps({"id": "b", "question": CANARY}),
        line("b", "train"),
        line("b", ["test"]),
    ],
    ids=["cut short", "empty", "text", "list", "number", "no split", "other split", "list of splits"],
)
def test_a_broken_sample_line_is_named_by_its_number(make_task, library, broken):
    spec = make_task([line("a"), broken, line("f", "fewshot")])
    assert fault(spec, library) == (
        f"{spec.folder / 'sample.jsonl'}:2: not a JSON document with 'split' test or fewshot"
    )


def test_a_sample_that_is_not_utf_8_is_named(make_task, library):
    spec = make_task()
    (spec.folder / "sample.jsonl").write_bytes(b'{"id": "\xff"}\n')
    assert fault(spec, library).startswith(f"{spec.folder / 'sample.jsonl'}: can't be read")


def test_an_absent_sample_is_named(make_task, library):
    spec = make_task()
    (spec.folder / "sample.jsonl").unlink()
    assert fault(spec, library).startswith(f"{spec.folder / 'sample.jsonl'}: can't be read")


def test_a_sample_is_checked_against_the_declaration(make_task, library):
    message = fault(make_task([line("a", surplus=CANARY), line("f", "fewshot")]), library)
    assert "test row 1: missing or undeclared field surplus" in message


def test_a_task_without_its_module_is_named(make_task, library):
    spec = make_task([line("a")])
    (spec.folder / f"{spec.name}.py").unlink()
    assert fault(spec, library) == f"{spec.folder / spec.name}.py: no such task module"


def test_official_documents_without_data_say_how_to_get_it(library):
    assert fault(Catalog().task("medec"), library, "official").startswith("no data: medec_ms/MEDEC-MS-TestSet")


@pytest.fixture
def make_table_task(make_task):
    """Makes a task whose official documents are words ("cluster-number") of one file, the last two the examples."""
    code = """words = files['mine/table.txt'].decode().split()
    documents = [{'id': word, 'question': f'{word}?', 'summary': word.partition('-')[0]} for word in words]
    [document.pop('summary') for document in documents if document['id'] == 'bare']
    return {'test': documents[:-2], 'fewshot': documents[-2:]}"""

    def make_table_task(content):
        text = (content_folder("tasks") / "meqsum" / "meqsum.yaml").read_text(encoding="utf-8")
        shipped = text[text.index("  variants:\n") : text.index("    sample:\n")]
        ours = VARIANTS.replace("HASH", sha256(content))
        return make_task(code=code, replace=(shipped, ours))

    return make_table_task


def put(folder, content):
    path = folder / "mine" / "table.txt"
    path.parent.mkdir(parents=True)
    path.write_text(content)


@pytest.mark.parametrize("place", ["data", "mirror"])
def test_official_documents_are_built_from_the_files_of_the_given_library(make_table_task, tmp_path, library, place):
    put(tmp_path / place, "one two three four")
    library = Library(library.folder, tmp_path / "mirror")
    splits = load_splits(make_table_task("one two three four"), "official", library)
    assert {document["id"] for document in splits.test} == {"one", "two"}
    assert [document["id"] for document in splits.fewshot] == ["three", "four"]


def test_official_documents_stand_in_an_order_that_upstream_does_not_know_clusters_together(make_table_task, library):
    words = [f"{cluster}-{number}" for number in (1, 2) for cluster in "abcdefgh"]
    put(library.folder, " ".join([*words, "y", "x"]))
    splits = load_splits(make_table_task(" ".join([*words, "y", "x"])), "official", library)
    found = [document["id"] for document in splits.test]
    clusters = [word[0] for word in found[::2]]
    assert found == [f"{cluster}-{number}" for cluster in clusters for number in (1, 2)]
    assert sorted(clusters) == list("abcdefgh") != clusters
    assert [document["id"] for document in splits.fewshot] == ["y", "x"]


def test_the_given_library_is_the_only_one_that_is_read(make_table_task, tmp_path, library, monkeypatch):
    put(tmp_path / "elsewhere", "one two three four")
    monkeypatch.setenv("CLUEPLUS_DATA_MIRROR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path / "elsewhere"))
    message = fault(make_table_task("one two three four"), library, "official")
    assert message.startswith(f"no data: mine/table.txt is neither in {library.folder} nor in")


def test_official_documents_are_checked_against_the_declaration_in_the_order_they_were_built(make_table_task, library):
    put(library.folder, "one two one three four")
    spec = make_table_task("one two one three four")
    assert fault(spec, library, "official") == f"{spec.name} (official): test row 3: its id is that of test row 1"


def test_a_built_document_without_its_cluster_is_a_fault_like_any_other(make_table_task, library):
    put(library.folder, "one bare three four")
    message = fault(make_table_task("one bare three four"), library, "official")
    assert message.endswith("(official): test row 2: missing or undeclared field summary")


def test_lm_eval_gets_the_variant_of_its_metadata_or_of_the_environment(make_task, library, monkeypatch):
    spec = make_task([line("a"), line("f", "fewshot")])
    dataset = task_dataset(str(spec.folder / "module.py"), dict)
    metadata = spec.metadata.model_dump()
    assert [d["id"] for d in dataset(**metadata, variant="sample", surplus=1)["test"]] == ["a"]
    monkeypatch.setenv("CLUEPLUS_VARIANT", "sample")
    assert [d["id"] for d in dataset(**metadata)["fewshot"]] == ["f"]
    monkeypatch.delenv("CLUEPLUS_VARIANT")
    with pytest.raises(DataError, match="no data: meqsum/"):
        dataset(**metadata)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_sample_is_as_its_statistics_say(name, library):
    assert verify_task(Catalog().task(name), "sample", library).endswith("as described")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_splits_of_a_sample_are_disjoint(name, samples):
    splits, spec = samples[name], Catalog().task(name)
    for field in ("id", spec.metadata.input, spec.metadata.cluster):
        test, fewshot = ({str(document[field]) for document in part} for part in (splits.test, splits.fewshot))
        assert not test & fewshot


@pytest.mark.parametrize("name", SHIPPED)
def test_a_sample_has_twelve_test_documents_and_more_examples_than_shots(name, samples):
    assert len(samples[name].test) >= 12
    assert len(samples[name].fewshot) > Catalog().task(name).num_fewshot


def test_the_sample_of_medec_has_every_error_type_and_no_error(samples):
    types = {"diagnosis", "management", "treatment", "pharmacotherapy", "causalOrganism", None}
    assert {document["error_type"] for document in samples["medec"].test} == types


def test_the_sample_of_medec_names_the_type_and_correction_of_every_error(samples):
    for document in [*samples["medec"].test, *samples["medec"].fewshot]:
        has_error = document["error_id"] >= 0
        assert (document["error_type"] is not None) == (document["corrected"] is not None) == has_error
        assert -1 <= document["error_id"] < len(document["sentences"])


def test_the_sample_of_icd10cm_has_every_level_and_letter(samples):
    test = samples["icd10cm"].test
    assert {document["level"] for document in test} == {"easy", "medium", "hard"}
    assert set(Counter(document["answer"] for document in test)) == set("ABCD")
    assert all(len({option.casefold() for option in document["options"]}) == 4 for document in test)


def test_every_note_in_the_sample_of_aci_bench_has_the_five_headings(samples):
    for document in [*samples["aci_bench"].test, *samples["aci_bench"].fewshot]:
        lines = document["note"].splitlines()
        assert [text for text in lines if text in HEADINGS] == list(HEADINGS)


def test_a_difference_from_the_statistics_names_the_place_but_no_text(make_task, library):
    spec = make_task([line("a"), line("f", "fewshot")])
    good = load_splits(spec, "sample", library)
    described = {"test": {"documents": 1, "fields": {}, "sha256": good.digest()["test"]}, "fewshot": {}}
    (spec.folder / "stats.json").write_text(json.dumps({"sample": described}))
    with pytest.raises(DataError) as caught:
        verify_task(spec, "sample", library)
    assert CANARY not in str(caught.value)
    assert "fewshot.documents: expected None, found 1" in str(caught.value)


@pytest.mark.parametrize("change", ["other labels", "no field", "a number"])
def test_a_difference_in_the_labels_names_the_field_but_no_text(make_task, library, change):
    spec = make_task([line("a"), line("f", "fewshot")])
    described = statistics(spec, "sample", library)
    fields = described["fewshot"]["fields"]
    fields["question"] = {"other labels": {"values": {f"{CANARY}!": 1}}, "no field": None, "a number": 7}[change]
    (spec.folder / "stats.json").write_text(json.dumps({"sample": described}))
    with pytest.raises(DataError, match=r"sample: fewshot\.fields\.question") as caught:
        verify_task(spec, "sample", library)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("content", [None, "not json", "{}"])
def test_statistics_that_are_not_there_say_how_to_write_them(make_task, library, content):
    spec = make_task([line("a"), line("f", "fewshot")])
    if content is not None:
        (spec.folder / "stats.json").write_text(content)
    with pytest.raises(DataError, match=r"no statistics of the variant 'sample'. Fix: python tools/write_stats\.py"):
        verify_task(spec, "sample", library)


def test_a_task_s_module_may_define_dataclasses_and_one_that_fails_is_run_again(tmp_path):
    path = tmp_path / "helper.py"
    path.write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        import_module(path)
    path.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
        "@dataclass\nclass Pair:\n    text: str\n"
    )
    assert import_module(path).Pair("a").text == "a"
    assert import_module(path) is import_module(path)
