import json
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import StoreError
from clueplus.records.run import read_run

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "results" / "baseline-lead" / "open"


def written(folder: Path, record: dict[str, Any]) -> Path:
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "items.jsonl").write_bytes((PUBLISHED / "items.jsonl").read_bytes())
    return folder


@pytest.fixture
def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PUBLISHED / "run.json").read_text())
    return found


def test_a_record_from_before_imports_still_reads(record: dict[str, Any], tmp_path: Path) -> None:
    del record["imported"]
    for task in record["tasks"]:
        del task["no_items"]
    assert read_run(written(tmp_path, record))[1:] == read_run(PUBLISHED)[1:]


def test_an_unknown_field_is_named(record: dict[str, Any], tmp_path: Path) -> None:
    record["tasks"][1]["scor"] = 1
    with pytest.raises(StoreError, match=r"tasks\.1\.scor: Extra inputs are not permitted"):
        read_run(written(tmp_path, record))
