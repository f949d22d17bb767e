"""A source is read from wherever it is, in order, and told by its hashes."""

import json
import sys

import datasets
import pytest

from clueplus.errors import ClueplusError, DataError
from clueplus.files import sha256
from clueplus.training.corpora.readers import Origin, read_source
from clueplus.training.corpora.spec import Source
from tests.support.corpora import surroundings, write_rows

ROWS = [{"text": f"document {number}", "other": number} for number in range(5)]


def read(tmp_path, **fields):
    origin = Origin()
    source = Source(name="s", licence="none", **fields)
    records = list(read_source(source, surroundings(tmp_path), origin))
    return [(r.file, r.number, r.value["text"]) for r in records], origin


def test_files_of_a_folder_are_read_in_order_and_named_below_it(tmp_path):
    write_rows(tmp_path / "in" / "b" / "z.jsonl", ["third"])
    write_rows(tmp_path / "in" / "a.jsonl", ["first", "second"])
    found, origin = read(tmp_path, path="in")
    assert found == [("a.jsonl", 1, "first"), ("a.jsonl", 2, "second"), ("b/z.jsonl", 1, "third")]
    content = (tmp_path / "in" / "a.jsonl").read_bytes()
    assert origin.files["a.jsonl"] == sha256(content)
    assert list(origin.files) == ["a.jsonl", "b/z.jsonl"]
    assert origin.ignored == 0


def test_the_limit_ends_the_reading(tmp_path):
    write_rows(tmp_path / "in.jsonl", ["one", "two", "three"])
    assert len(read(tmp_path, path="in.jsonl", limit=2)[0]) == 2


@pytest.fixture
def saved():
    return datasets.Dataset.from_list(ROWS)


def test_a_data_set_that_was_saved_to_a_folder_is_read(tmp_path, saved):
    saved.save_to_disk(tmp_path / "set")
    found, origin = read(tmp_path, dataset="set", limit=3)
    assert found == [("set", number + 1, f"document {number}") for number in range(3)]
    assert origin.unhashed is None
    assert any(name.endswith(".arrow") for name in origin.files)


def test_a_split_of_a_saved_set_of_splits_is_read(tmp_path, saved):
    datasets.DatasetDict({"train": saved, "validation": saved.select([4])}).save_to_disk(tmp_path / "set")
    assert [text for *_, text in read(tmp_path, dataset="set", split="validation")[0]] == ["document 4"]
    with pytest.raises(DataError, match="no split 'tset'") as caught:
        read(tmp_path, dataset="set", split="tset")
    assert "train, validation" in str(caught.value)


def test_a_folder_of_data_files_is_read_as_a_data_set(tmp_path):
    write_rows(tmp_path / "set" / "train.jsonl", ROWS)
    write_rows(tmp_path / "set" / "test.jsonl", [{"text": "another", "other": 9}])
    assert len(read(tmp_path, dataset="set")[0]) == 5
    assert [text for *_, text in read(tmp_path, dataset="set", split="test")[0]] == ["another"]


def test_a_folder_without_that_split_is_an_error(tmp_path):
    write_rows(tmp_path / "set" / "train.jsonl", ROWS)
    with pytest.raises(DataError, match=r"the data set set \(validation\) can't be read"):
        read(tmp_path, dataset="set", split="validation")


def test_a_data_set_of_the_hub_is_streamed_at_its_revision(tmp_path, monkeypatch):
    asked = {}

    def load(name, **options):
        asked.update(options, name=name)
        return iter(ROWS)

    monkeypatch.setattr(datasets, "load_dataset", load)
    found, origin = read(tmp_path, dataset="someone/texts", revision="abc", split="train", limit=2)
    assert found == [("someone/texts", 1, "document 0"), ("someone/texts", 2, "document 1")]
    assert asked == {"name": "someone/texts", "split": "train", "revision": "abc", "streaming": True}
    assert origin.unhashed == "read from the hub at revision abc"


def test_an_unreachable_hub_is_one_line(tmp_path, monkeypatch):
    def load(name, **options):
        raise ConnectionError("a long story")

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(DataError, match=r"someone/texts \(train\) can't be read \(ConnectionError\)"):
        read(tmp_path, dataset="someone/texts")


def test_without_datasets_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ClueplusError, match=r"pip install 'clueplus\[train\]'"):
        read(tmp_path, dataset="someone/texts")


def test_a_data_file_that_is_test_data_is_refused(tmp_path):
    around = surroundings(tmp_path)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").write_bytes((tmp_path / "tasks" / "toy" / "sample.jsonl").read_bytes())
    with pytest.raises(DataError, match=r"train\.jsonl is test data of toy"):
        list(read_source(Source(name="s", licence="none", dataset="set"), around, Origin()))


def test_a_bad_row_stands_at_its_line(tmp_path):
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "one"}) + "\n\nnothing\n")
    records = list(read_source(Source(name="s", licence="n", path="in.jsonl"), surroundings(tmp_path), Origin()))
    assert [(record.number, hasattr(record.value, "reason")) for record in records] == [(1, False), (3, True)]
