"""A record tells what a checkpoint was made from when the lineage beside it is that of its very files."""

import json
from pathlib import Path

import pytest

from clueplus.evaluation.options import Options
from clueplus.evaluation.origin import origin_beside
from clueplus.files import canonical_json, sha256


class Notes(list[str]):
    def note(self, text: str) -> None:
        self.append(text)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder of one file, and a lineage that tells of it."""
    (tmp_path / "config.json").write_text("{}")
    files = {"config.json": sha256("{}")}
    lineage = {
        "recipe": {"name": "small", "sha256": "0" * 64},
        "checkpoint": sha256(canonical_json(files)),
        "files": files,
        "steps": [{"name": "sft", "kind": "align", "digest": "1" * 64, "method": "sft"}],
    }
    (tmp_path / "lineage.json").write_text(json.dumps(lineage))
    return tmp_path


def test_a_lineage_of_these_files_is_told(checkpoint: Path) -> None:
    notes = Notes()
    origin = origin_beside(Options(str(checkpoint)), None, notes)
    assert origin is not None
    assert [step.name for step in origin.steps] == ["sft"]
    assert notes == []


def test_a_lineage_of_other_files_is_left_out_aloud(checkpoint: Path) -> None:
    (checkpoint / "config.json").write_text('{"trained": "on"}')
    notes = Notes()
    assert origin_beside(Options(str(checkpoint)), None, notes) is None
    assert len(notes) == 1
    assert "tells of another checkpoint: config.json is not its file" in notes[0]


def test_a_damaged_lineage_is_left_out_aloud(checkpoint: Path) -> None:
    (checkpoint / "lineage.json").write_text("{")
    notes = Notes()
    assert origin_beside(Options(str(checkpoint)), None, notes) is None
    assert "not a lineage of schema 1" in notes[0]


def test_nobody_knows_what_a_running_server_loaded(checkpoint: Path, tmp_path: Path) -> None:
    notes = Notes()
    assert origin_beside(Options(str(checkpoint), base_urls=["http://127.0.0.1:1/v1"]), None, notes) is None
    assert origin_beside(Options(str(tmp_path / "none")), None, notes) is None
    assert notes == []
