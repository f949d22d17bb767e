"""Texts for the viewer: the prompt that was asked, the answer that was given, and nothing that may not be shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clueplus.cli.main import run as run_command
from clueplus.errors import ClueplusError, StoreError
from clueplus.evaluation.samples import REDISTRIBUTABLE, may_show, read_samples
from clueplus.records.run import read_run
from clueplus.records.samples import TaskSamples
from clueplus.registry import Catalog
from tests.support.fake_server import fake_server

CATALOG = Catalog()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over two sample tasks: the model answers -1, and nothing at all every fifth time."""
    root = tmp_path_factory.mktemp("run")
    with fake_server(lambda payload, number: "" if number % 5 == 0 else "-1") as server:
        words = ["evaluate", "--model", "fake", "--base-url", server.base_url, "--tasks", "medec,icd10cm"]
        assert run_command([*words, "--variant", "sample", "--concurrency", "1", "--results-dir", str(root)]) == 0
    return next((root / "fake").glob("2*"))


def read(folder: Path, *tasks: str) -> list[TaskSamples]:
    return list(read_samples(folder, tasks, CATALOG))


def changed(folder: Path, tmp_path: Path, change: Callable[[dict[str, Any], list[dict[str, Any]]], None]) -> Path:
    """A copy of the run with its store, changed."""
    copy = tmp_path / "fake" / folder.name
    copy.mkdir(parents=True)
    for store in folder.parent.glob("responses*"):
        (copy.parent / store.name).write_bytes(store.read_bytes())
    record = json.loads((folder / "run.json").read_text())
    items = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    change(record, items)
    (copy / "run.json").write_text(json.dumps(record))
    (copy / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return copy


def test_every_item_has_what_was_asked_what_came_and_what_was_wanted(folder: Path) -> None:
    medec, icd10cm = read(folder, "medec", "icd10cm")
    items = {item.index: item for item in read_run(folder).items if item.task == "medec"}
    assert (medec.task, medec.variant, medec.tier, medec.licence) == ("medec", "sample", "sample", "Apache-2.0")
    assert [sample.index for sample in medec.samples] == sorted(items)
    assert {sample.reference for sample in medec.samples} >= {"-1", "3"}
    assert {sample.answer for sample in medec.samples} == {"", "-1"}
    for sample in medec.samples:
        item = items[sample.index]
        assert (sample.id, sample.outcome, sample.score) == (item.id, item.outcome, item.components["accuracy"])
        assert sample.prompt.rstrip().endswith("Number of the wrong sentence, or -1:")
    assert any(sample.outcome == "unscorable" for sample in medec.samples)
    assert icd10cm.task == "icd10cm"


def test_the_few_shot_examples_are_kept_once(folder: Path) -> None:
    (medec,) = read(folder, "medec")
    assert medec.shared.count("[assistant]") == 2
    assert all("[assistant]" not in sample.prompt for sample in medec.samples)
    assert medec.shared.endswith("\n")


def test_only_wanted_tasks_are_read(folder: Path) -> None:
    assert [found.task for found in read(folder, "icd10cm", "mednli", "no_such_task")] == ["icd10cm"]
    assert read(folder) == []


@pytest.mark.parametrize("data", [{"tier": "restricted"}])
def test_what_the_record_calls_restricted_is_not_shown(folder: Path, tmp_path: Path, data: dict[str, str]) -> None:
    copy = changed(folder, tmp_path, lambda record, items: record["tasks"][0]["data"].update(data))
    assert [found.task for found in read(copy, "medec", "icd10cm")] == ["icd10cm"]


@pytest.mark.parametrize(
    ("task", "variant", "shown"),
    [
        ("medec", "official", True),
        ("mednli", "official", False),
        ("mednli", "open", True),
        ("mednli", "sample", True),
        ("medication_qa", "official", False),
        ("longhealth", "official", False),
    ],
)
def test_tier_and_licence_of_the_declared_variant_decide(folder: Path, task: str, variant: Any, shown: bool) -> None:
    record = read_run(folder).record
    own = record.tasks[0].model_copy(update={"name": task})
    record = record.model_copy(update={"variant": variant, "tasks": [own]})
    assert own.data.tier == "sample", "the record alone would allow it"
    assert may_show(CATALOG.task(task), record, task) == shown


def test_every_sample_and_no_restricted_variant_may_be_shown() -> None:
    for spec in CATALOG.tasks.values():
        for name, variant in spec.metadata.variants.items():
            if name == "sample":
                assert variant.licence in REDISTRIBUTABLE
            if variant.tier == "restricted":
                assert variant.licence not in REDISTRIBUTABLE


def test_an_answer_is_shown_beside_its_own_prompt_only(folder: Path, tmp_path: Path) -> None:
    def exchange(record: dict[str, Any], items: list[dict[str, Any]]) -> None:
        items[0]["response_key"], items[1]["response_key"] = items[1]["response_key"], items[0]["response_key"]

    with pytest.raises(StoreError, match="the prompts are not those of the run"):
        read(changed(folder, tmp_path, exchange), "medec")


def test_prompts_that_changed_since_are_refused(folder: Path, tmp_path: Path) -> None:
    def change(record: dict[str, Any], items: list[dict[str, Any]]) -> None:
        items[0]["prompt_hash"] = "0" * 64

    with pytest.raises(StoreError, match="the prompts are not those of the run"):
        read(changed(folder, tmp_path, change), "medec")


@pytest.mark.parametrize(
    "store", ["../../elsewhere/responses.jsonl", "/tmp/responses.jsonl", "../notes.txt", "../x/../responses.jsonl"]
)
def test_a_store_elsewhere_is_not_opened(folder: Path, tmp_path: Path, store: str) -> None:
    copy = changed(folder, tmp_path, lambda record, items: record["generation"].update(store=store))
    with pytest.raises(StoreError, match="not in a store beside the run"):
        read(copy, "medec")


def test_a_lost_store_is_told(folder: Path, tmp_path: Path) -> None:
    copy = changed(folder, tmp_path, lambda record, items: None)
    for store in copy.parent.glob("responses*"):
        store.unlink()
    with pytest.raises(ClueplusError, match="not here"):
        read(copy, "medec")


def test_an_answer_that_never_came_is_none(folder: Path, tmp_path: Path) -> None:
    def fail(record: dict[str, Any], items: list[dict[str, Any]]) -> None:
        items[0] |= {"outcome": "infrastructure_error", "reason": "timeout", "components": {}}
        outcomes = record["tasks"][0]["outcomes"]
        outcomes["infrastructure_error"] += 1
        outcomes["unscorable"] -= 1

    def is_unscorable_first(record: dict[str, Any], items: list[dict[str, Any]]) -> None:
        items.sort(key=lambda item: item["outcome"] != "unscorable")
        fail(record, items)

    copy = changed(folder, tmp_path, is_unscorable_first)
    failed = [sample for sample in read(copy, "medec")[0].samples if sample.outcome == "infrastructure_error"]
    assert [sample.score for sample in failed] == [None]
