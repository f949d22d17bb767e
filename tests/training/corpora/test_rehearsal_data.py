"""The texts of training/rehearsal/ are what their script makes, small, and free of every test split."""

import importlib.util
import json
from collections import Counter
from pathlib import Path

import pytest

from clueplus.registry import content_folder
from clueplus.training.corpora.build import build_corpus
from clueplus.training.corpora.spec import CorpusSpec

REPOSITORY = Path(__file__).resolve().parents[3]
FOLDER = content_folder("training") / "rehearsal"
DOCUMENTS = ("pubmed", "clinical", "medcode", "guideline", "medwiki")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make", REPOSITORY / "tools" / "make_rehearsal_data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(name):
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_files_are_what_the_script_makes(script):
    made = {name: script.content(each) for name, each in script.files().items()}
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")} == made


def test_they_are_small():
    sizes = {path.name: path.stat().st_size for path in FOLDER.glob("*")}
    assert len(sizes) == 7
    assert max(sizes.values()) < 40_000, sizes


@pytest.mark.parametrize("name", [*DOCUMENTS, "instructions", "preferences"])
def test_nothing_of_them_is_in_a_test_split_and_hardly_anything_is_there_twice(at_hand, tmp_path, name):
    kind = "documents" if name in DOCUMENTS else name
    source = {"name": name, "licence": "Apache-2.0", "path": str(FOLDER / f"{name}.jsonl")}
    source |= {"task_data": "task_data"} if kind == "documents" else {}
    manifest = build_corpus(CorpusSpec(kind=kind, sources=[source]), tmp_path / "out", at_hand)
    assert manifest.overlaps == []
    assert set(manifest.dropped) <= {"near-duplicate"}
    assert manifest.rows >= 0.95 * len(rows(name))
    assert manifest.with_task_data == (manifest.rows if kind == "documents" else 0)


def test_labels_and_letters_are_balanced():
    outputs = Counter(row["output"] for row in rows("instructions"))
    for labels in (["entailment", "neutral", "contradiction"], ["A", "B", "C", "D"]):
        counts = [outputs[label] for label in labels]
        assert min(counts) > 0
        assert max(counts) == min(counts)
    assert 4 <= outputs["-1"] <= 8


def test_every_preference_pair_is_a_choice():
    assert all(row["output"] != row["rejected_output"] for row in rows("preferences"))
    assert len({row["error_type"] for row in rows("preferences")}) == 6
