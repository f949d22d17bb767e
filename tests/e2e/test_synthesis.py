"""Synthesis on a real vLLM server: it keeps to the schema, and what a tiny model makes of it is counted."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from clueplus.models.server import Server
from tests.support.fake_server import fake_server
from tests.support.synthesis import RECIPE, writer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROWS = 12


def short_recipe(folder: Path) -> Path:
    """The shipped recipe with answers that a tiny model, which never stops by itself, has to break off."""
    data = yaml.safe_load(RECIPE.read_text())
    data["generated"]["max_tokens"] = 192
    data["corrupted"]["max_tokens"] = 64
    path = folder / "short.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


def clueplus(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clueplus", *map(str, arguments)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CLUEPLUS_DATA_DIR": str(folder / "data")}
    environment["PYTHONPATH"] = str(RECIPE.parents[2])
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500)


def read(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert result.returncode == 0, result.stderr[-3000:]
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_tiny_writer_and_a_tiny_judge(server: Server, tmp_path: Path) -> None:
    recipe = short_recipe(tmp_path)
    real = ("--model", server.served.name, "--base-url", server.base_url)
    found = read(clueplus(tmp_path, "synth", "run", recipe, *real, "--rows", ROWS, "--out", "a", "--json"))
    rows = found["rows"]
    assert (rows["finished"], found["failures"]) == (ROWS, {})
    assert rows["kept"] + sum(rows["rejected"].values()) == ROWS
    assert rows["rejected"], "a tiny model's exercises are rejects"
    assert found["usage"]["generated"]["untold"] == 0

    with fake_server(writer) as good:
        fake = ("--model", "fake", "--base-url", good.base_url)
        judge = ("--judge-model", server.served.name, "--judge-base-url", server.base_url)
        found = read(clueplus(tmp_path, "synth", "run", recipe, *fake, *judge, "--rows", 4, "--out", "b", "--json"))
    assert found["usage"]["judged"]["answers"] == 5 * found["pairs"]["kept"] > 0
    # White space between the tokens of JSON is free, and this model makes ample use of it.
    unreadable = found["pairs"]["unreadable_scores"]
    assert set(unreadable) <= {"cut off by the token limit"}, "what is not cut off keeps to the schema"
    assert sum(unreadable.values()) < found["usage"]["judged"]["answers"]
    read(clueplus(tmp_path, "synth", "filter", "b", "--out", "rows.jsonl", "--json"))
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    scores = [row[name] for row in lines for name in ("quality", "realism") if name in row]
    assert all(1 <= score <= 4 for score in scores)

    result = clueplus(tmp_path, "synth", "preferences", "rows.jsonl", "--recipe", recipe, *real, "--out", "c", "--json")
    if result.returncode == 2:  # nothing that the model wrote is a rejected answer, which is told
        assert "error: no pair of" in result.stderr
    else:
        assert read(result)["asked"] > 0
