import json
from pathlib import Path
from typing import Any

import pytest

from clueplus.records.run import read_run
from tests.support.fake_server import fake_server

Cli = Any


@pytest.fixture
def run_folder(cli: Cli) -> Path:
    with fake_server(lambda payload, number: "-1") as server:
        result = cli("evaluate", "--model", "fake", "--base-url", server.base_url, "--variant", "sample", "--tasks",
                     "medec,icd10cm", "--limit", 6, "--json")  # fmt: skip
    assert result.code == 0
    return Path("results/fake") / json.loads(result.out)["run"]


def test_scoring_again_gives_the_same_record_without_a_server(cli: Cli, run_folder: Path) -> None:
    before = (run_folder / "run.json").read_bytes(), (run_folder / "items.jsonl").read_bytes()
    result = cli("score", run_folder)
    assert result.code == 0
    assert "medec" in result.out
    assert ((run_folder / "run.json").read_bytes(), (run_folder / "items.jsonl").read_bytes()) == before


def test_a_run_may_be_named_by_its_record(cli: Cli, run_folder: Path) -> None:
    assert json.loads(cli("score", run_folder / "run.json", "--json").out)["run"] == run_folder.name


def test_scores_come_from_the_stored_answers(cli: Cli, run_folder: Path) -> None:
    from clueplus.evaluation.store import ResponseStore
    from clueplus.models import Answer

    _, record, items = read_run(run_folder)
    before = record.tasks[0].score.value
    store = ResponseStore(run_folder.parent / "responses.jsonl")
    with store.load().writing():
        for item in items:
            store.append(item.response_key, Answer("I can't say"))
    result = json.loads(cli("score", run_folder, "--json").out)
    assert result["tasks"][0]["score"]["value"] == 0.0 != before
    assert result["tasks"][0]["outcomes"]["unscorable"] == 6


def test_a_prompt_that_changed_since_is_refused(cli: Cli, run_folder: Path) -> None:
    lines = (run_folder / "items.jsonl").read_text().splitlines()
    item = json.loads(lines[0])
    item["prompt_hash"] = "0" * 64
    (run_folder / "items.jsonl").write_text("\n".join([json.dumps(item), *lines[1:]]) + "\n")
    result = cli("score", run_folder)
    assert result.code == 2
    assert "the prompt of medec item 0 is not the one that was answered" in result.error


def test_a_lost_store_is_told(cli: Cli, run_folder: Path) -> None:
    for store in run_folder.parent.glob("responses.jsonl*"):
        store.unlink()
    result = cli("score", run_folder)
    assert result.code == 2
    assert "no stored answers" in result.error


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"schema_version": 1}'])
def test_a_file_that_is_no_record_is_one_line(cli: Cli, run_folder: Path, content: str) -> None:
    (run_folder / "run.json").write_text(content)
    result = cli("score", run_folder)
    assert result.code == 2
    assert "not a run record" in result.error


def test_a_run_that_is_not_there_is_one_line(cli: Cli) -> None:
    result = cli("score", "results/nowhere")
    assert result.code == 2
    assert "run.json" in result.error


def test_a_record_holds_no_document_text(cli: Cli, run_folder: Path) -> None:
    from clueplus.data import Library, load_splits
    from clueplus.registry import Catalog

    written = (run_folder / "run.json").read_text() + (run_folder / "items.jsonl").read_text()
    splits = load_splits(Catalog().task("medec"), "sample", Library(Path("none")))
    for document in [*splits.test, *splits.fewshot]:
        for sentence in document["sentences"]:
            assert sentence not in written
