import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import StoreError
from clueplus.records.run import read_run, write_run
from tests.support.runs import make_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = make_run({"medec": [0.0, 1.0, None], "mednli": [1.0]})
    write_run(tmp_path / "run", run.record, run.items)
    return tmp_path / "run"


def test_a_run_reads_back_as_it_was_written(folder: Path) -> None:
    run = make_run({"medec": [0.0, 1.0, None], "mednli": [1.0]})
    assert read_run(folder) == (folder, run.record, run.items)
    assert read_run(folder / "run.json") == read_run(folder)


def lines(folder: Path) -> list[str]:
    return (folder / "items.jsonl").read_text().splitlines(keepends=True)


def lose_last(found: list[str]) -> list[str]:
    return found[:-1]


def lose_all(found: list[str]) -> list[str]:
    return []


def tear_last(found: list[str]) -> list[str]:
    return [*found[:-1], found[-1][:40]]


def change_outcome(found: list[str]) -> list[str]:
    return [found[0].replace('"scored"', '"unscorable"'), *found[1:]]


def repeat_first(found: list[str]) -> list[str]:
    return [found[0], found[0], *found[2:]]


def not_a_number(found: list[str]) -> list[str]:
    return [found[0].replace(":0.0", ":NaN"), *found[1:]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lose_last, "0 items of mednli are scored, and run.json counts 1"),
        (lose_all, "0 items of medec are infrastructure_error, and run.json counts 1"),
        (tear_last, "not a run record of schema 1"),
        (change_outcome, "1 items of medec are scored, and run.json counts 2"),
        (repeat_first, "an item stands there twice"),
        (not_a_number, "components.accuracy: Input should be a finite number"),
    ],
)
def test_a_damaged_file_of_items_is_refused(
    folder: Path, change: Callable[[list[str]], list[str]], message: str
) -> None:
    before = lines(folder)
    (folder / "items.jsonl").write_text("".join(change(before)))
    assert lines(folder) != before
    with pytest.raises(StoreError, match=message) as caught:
        read_run(folder)
    assert str(folder / "items.jsonl") in str(caught.value)


@pytest.mark.parametrize("damage", [lambda text: text[: len(text) // 2], lambda text: "", lambda text: "[]"])
def test_a_damaged_record_is_refused(folder: Path, damage: Callable[[str], str]) -> None:
    path = folder / "run.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(StoreError, match="not a run record of schema 1"):
        read_run(folder)


def test_a_record_of_another_schema_is_refused(folder: Path) -> None:
    record: dict[str, Any] = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"schema_version": 2}))
    with pytest.raises(StoreError, match="schema 1: schema_version"):
        read_run(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "items.jsonl").unlink()
    with pytest.raises(StoreError, match=r"items.jsonl: No such file"):
        read_run(folder)
