"""What is known of the registered test splits: every variant is checked or told as unchecked."""

import json

import pytest

from clueplus.data import Library
from clueplus.registry import Catalog
from clueplus.training.corpora.benchmark import read_benchmark, wanted
from clueplus.training.corpora.overlap import RowWords, Where
from tests.support.corpora import SENTENCE, WORDS, OnlyThese, a_document, write_task

LONG = " ".join(f"long{number}" for number in range(20))


def hits(benchmark, *texts):
    return [(hit.where.task, hit.rule) for hit in benchmark.index.hits(RowWords(texts))]


@pytest.fixture
def toy(tmp_path):
    def benchmark(*notes, **fields):
        documents = [a_document(n, note, **fields) for n, note in enumerate(notes)]
        folder = write_task(tmp_path / "tasks", documents)
        return read_benchmark(OnlyThese([folder]), Library(tmp_path / "data"), 13)

    return benchmark


def test_every_variant_of_every_shipped_task_is_told(tmp_path):
    catalog = Catalog()
    benchmark = read_benchmark(catalog, Library(tmp_path), 13)
    told = {(split.task, split.variant) for split in benchmark.splits}
    assert told == {(spec.name, variant) for spec in catalog.tasks.values() for variant in spec.metadata.variants}
    unchecked = [split for split in benchmark.splits if split.unchecked]
    assert {split.variant for split in benchmark.splits if not split.unchecked} == {"sample"}
    assert all("not on this machine (" in split.unchecked and split.documents is None for split in unchecked)
    assert all(split.documents >= 12 and len(split.sha256) == 64 for split in benchmark.splits if not split.unchecked)


def test_every_shipped_sample_document_is_found_by_its_input_alone(tmp_path):
    catalog = Catalog()
    benchmark = read_benchmark(catalog, Library(tmp_path), 13)
    for spec in catalog.tasks.values():
        for line in (spec.folder / "sample.jsonl").read_text(encoding="utf-8").splitlines():
            document = json.loads(line)
            asked = document[spec.metadata.input]
            text = asked if isinstance(asked, str) else "\n".join(asked)
            if document["split"] == "test" and len(text.split()) >= 8:
                found = {hit.where for hit in benchmark.index.hits(RowWords([f"Someone asked: {text} And so on."]))}
                assert Where(spec.name, "sample") in found, document["id"]


def test_the_input_alone_and_the_reference_alone_are_enough(toy):
    benchmark = toy(SENTENCE, answer=LONG)
    assert hits(benchmark, SENTENCE) == [("toy", "n-gram"), ("toy", "whole text")]
    assert hits(benchmark, f"and {LONG}") == [("toy", "n-gram")]


def test_few_shot_examples_labels_and_prompts_are_free(toy):
    benchmark = toy(SENTENCE, ward=f"the {LONG}")
    assert hits(benchmark, "a note that is shown as an example and tested nowhere at all") == []
    assert hits(benchmark, f"the {LONG}") == []
    assert hits(benchmark, "Read the note and reply. Note: something else") == []


def test_annotations_in_json_are_free_and_text_in_brackets_is_not(toy):
    annotation = json.dumps([{"entity": word, "value": word} for word in WORDS])
    assert hits(toy("a note of five words", answer=annotation), annotation) == []


def test_text_that_only_looks_like_json_counts(toy):
    assert hits(toy(f"[{SENTENCE}]"), SENTENCE) == [("toy", "n-gram"), ("toy", "whole text")]


def test_options_count_in_their_order_with_and_without_letters(toy):
    options = ["a fracture of the left femur", "a fracture of the right femur", "a sprain of one knee", "no injury"]
    benchmark = toy("which of these is meant here", options=options)
    lettered = "\n".join(f"({letter}) {text}" for letter, text in zip("abcd", options, strict=True))
    assert hits(benchmark, f"Choose.\n{lettered}\nLetter:") == [("toy", "n-gram")]
    assert hits(benchmark, f"Choose.\n{', '.join(options)}") == [("toy", "n-gram")]
    assert hits(benchmark, "\n".join(f"X{n}: {text}" for n, text in enumerate(options))) == []


def test_elements_of_a_list_are_one_text_and_long_ones_are_their_own():
    metadata = Catalog().task("longhealth").metadata
    document = dict.fromkeys(metadata.fields) | {"documents": [LONG * 10, SENTENCE * 10]}
    assert len(list(wanted(document, metadata))) == 2
    assert len(list(wanted({**document, "documents": [LONG, SENTENCE]}, metadata))) == 1


def test_a_split_that_can_not_be_read_is_unchecked_and_stops_nothing(tmp_path):
    folder = write_task(tmp_path / "tasks", [SENTENCE])
    sample = folder / "toy" / "sample.jsonl"
    sample.write_text(sample.read_text() + "no json\n")
    broken = write_task(tmp_path / "more", [SENTENCE], name="broken")
    (broken / "broken" / "broken.py").write_text("raise RuntimeError('a secret')\n")
    benchmark = read_benchmark(OnlyThese([folder, broken]), Library(tmp_path / "data"), 13)
    reasons = {split.task: split.unchecked for split in benchmark.splits}
    assert reasons["toy"] == "can't be read (DataError): clueplus data verify toy"
    assert reasons["broken"] == "can't be read (RuntimeError): clueplus data verify broken"
    assert hits(benchmark, SENTENCE) == []


def test_a_pinned_file_that_changed_makes_the_split_unchecked(tmp_path):
    for each in Catalog().task("ner_ncbi_disease").metadata.variants["official"].sources:
        path = tmp_path / each.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("changed")
    benchmark = read_benchmark(Catalog(), Library(tmp_path), 13)
    (split,) = (s for s in benchmark.splits if (s.task, s.variant) == ("ner_ncbi_disease", "official"))
    assert split.unchecked == "can't be read (DataError): clueplus data verify ner_ncbi_disease"
