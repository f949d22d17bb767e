"""A run of the fake model on sample data, and the same run as stock lm-eval makes it."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from clueplus.records.run import ItemRecord, RunRecord, read_run
from tests.support.fake_server import FakeServer, fake_server

ROOT = Path(__file__).resolve().parents[2]
TASKS = "medec,meqsum"
PAGE = ROOT / "docs" / "results.md"


class Recorded(NamedTuple):
    folder: Path
    record: RunRecord
    items: list[ItemRecord]


def _reply(payload: dict[str, Any], number: int) -> str:
    """One answer a prompt, whoever asks and in whichever order."""
    digest = hashlib.sha256(json.dumps(payload["messages"]).encode()).digest()
    return ["-1", "5", "unsure", "6 What should I do about the pain?"][digest[0] % 4]


@pytest.fixture(scope="session")
def server() -> Iterator[FakeServer]:
    with fake_server(_reply) as running:
        yield running


def _call(words: list[str], folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "CLUEPLUS_DATA_DIR": str(folder)}
    environment.pop("CLUEPLUS_BERTSCORE_MODEL", None)
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="session")
def ours(server: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """What clueplus records of the fake model."""
    folder = tmp_path_factory.mktemp("ours")
    words = [*("-m", "clueplus", "evaluate", "--model", "fake", "--base-url", server.base_url), "--tasks", TASKS]
    _call([sys.executable, *words, "--variant", "sample"], folder)
    (path,) = folder.rglob("run.json")
    return Recorded(*read_run(path))


@pytest.fixture(scope="session")
def stock(server: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what the docs' `lm_eval run` wrote of the fake model: results and samples."""
    folder = tmp_path_factory.mktemp("stock")
    (line,) = [line for line in PAGE.read_text().splitlines() if line.startswith("lm_eval run ")]
    line = line.replace("http://127.0.0.1:8000/v1", server.base_url).replace(
        "--include_path tasks", f"--include_path {ROOT}/tasks"
    )
    program, *words = shlex.split(line)
    _call([str(Path(sys.executable).with_name(program)), *words], folder)
    (path,) = folder.glob("lm-eval/my-checkpoint/results_*.json")
    return path.parent
