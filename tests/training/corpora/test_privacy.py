"""No text of a restricted test split, or of a restricted source, is anywhere but where its owner alone may read it."""

import json
import stat

import pytest

import clueplus.errors
from clueplus.data import Library
from clueplus.errors import ClueplusError
from clueplus.training.corpora.build import build_corpus
from clueplus.training.corpora.surroundings import Surroundings
from tests.support.corpora import OnlyThese, corpus, surroundings, write_rows
from tests.support.restricted_task import CANARY, documents, write_restricted_task


@pytest.fixture(autouse=True)
def _messages(monkeypatch):
    monkeypatch.setattr(clueplus.errors, "_withheld", [])


@pytest.fixture
def restricted(tmp_path):
    """Surroundings with a restricted task of 40 notes of 20 words, and what they heard."""
    folder = write_restricted_task(tmp_path / "tasks", tmp_path / "data", words=20)
    heard = []
    around = Surroundings(
        OnlyThese([folder]),
        Library(tmp_path / "data"),
        tmp_path,
        note=heard.append,
        progress=lambda *state: heard.append(str(state)),
    )
    return around, heard


def test_a_restricted_test_note_is_dropped_and_no_report_quotes_it(tmp_path, restricted, capfd, caplog):
    around, heard = restricted
    leaked = documents(1, words=20)[0]["note"]
    write_rows(tmp_path / "in.jsonl", [f"before {leaked} after", "an innocent document about nothing"])
    manifest = build_corpus(corpus(), tmp_path / "out", around)
    assert manifest.dropped == {"overlap with a test split": 1}
    assert [(o.task, o.variant, o.rule, o.rows) for o in manifest.overlaps] == [
        ("secret_notes", "official", "n-gram", 1)
    ]
    told = [*heard, manifest.model_dump_json(), caplog.text, *capfd.readouterr()]
    written = [path.read_text() for path in (tmp_path / "out").iterdir()]
    assert CANARY not in "".join(told + written)
    assert CANARY not in repr([around, around.benchmark(13)])


def test_a_file_of_restricted_test_notes_is_refused_without_a_word_of_them(tmp_path, restricted):
    around, heard = restricted
    write_rows(tmp_path / "in.jsonl", [document["note"] for document in documents(40, words=20)])
    with pytest.raises(ClueplusError) as caught:
        build_corpus(corpus(), tmp_path / "out", around)
    assert "test data of secret_notes (official)" in str(caught.value)
    assert CANARY not in str(caught.value) + "".join(heard)
    assert clueplus.errors.messages_withheld() == "secret_notes is restricted"


def test_the_imported_file_itself_is_refused_by_its_hash(tmp_path, restricted):
    around, _ = restricted
    imported = tmp_path / "data" / "restricted" / "secret_notes" / "official.jsonl"
    (tmp_path / "renamed.jsonl").write_bytes(imported.read_bytes())
    with pytest.raises(ClueplusError, match=r"renamed.jsonl is test data of secret_notes \(official\)"):
        build_corpus(corpus("renamed.jsonl", text="note"), tmp_path / "out", around)


def test_a_broken_restricted_split_is_told_as_unchecked_and_not_quoted(tmp_path, restricted):
    around, heard = restricted
    imported = tmp_path / "data" / "restricted" / "secret_notes" / "official.jsonl"
    imported.write_text(imported.read_text() + json.dumps({"split": "test", "id": CANARY}))
    write_rows(tmp_path / "in.jsonl", ["an innocent document about nothing"])
    manifest = build_corpus(corpus(), tmp_path / "out", around)
    (split,) = manifest.unchecked
    assert (split.task, split.variant, split.documents, split.sha256) == ("secret_notes", "official", None, None)
    assert "can't be read (DataError)" in split.unchecked
    assert any("secret_notes (official)" in line for line in heard)
    assert CANARY not in "".join(heard) + manifest.model_dump_json()


def test_a_corpus_of_a_restricted_source_is_for_its_owner_alone(tmp_path):
    write_rows(tmp_path / "in.jsonl", [f"{CANARY} one of two notes", {"text": 7}, f"{CANARY} the other of two"])
    manifest = build_corpus(corpus(tier="restricted"), tmp_path / "out", surroundings(tmp_path))
    out = tmp_path / "out"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [out, *out.iterdir()]}
    assert modes == {"out": 0o700, "documents.jsonl": 0o600, "manifest.json": 0o600}
    assert CANARY not in manifest.model_dump_json()
    assert clueplus.errors.messages_withheld() == "src is restricted"


def test_a_restricted_source_never_goes_to_another_machine(tmp_path):
    write_rows(tmp_path / "in.jsonl", [CANARY])
    asked = {"base_url": "http://192.0.2.1:8000/v1", "model": "fake"}
    with pytest.raises(ClueplusError, match="is not this machine, and src is restricted"):
        build_corpus(corpus(tier="restricted", task_data=asked), tmp_path / "out", surroundings(tmp_path))
    assert not (tmp_path / "out").exists()
