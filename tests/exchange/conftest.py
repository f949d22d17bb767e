"""A run of the fake model on sample data, and the same run as stock lm-eval makes it."""

import hashlib
import json
import os
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
GREEDY = "top_p=1.0,repetition_penalty=1.0,seed=1234"


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
    """The folder with what `lm_eval run` wrote of the fake model: results and samples."""
    folder = tmp_path_factory.mktemp("stock")
    model = f"model=fake,base_url={server.base_url}/chat/completions,num_concurrent=4"
    words = [
        *("run", "--model", "local-chat-completions", "--model_args", model, "--apply_chat_template"),
        *("--fewshot_as_multiturn", "true", "--include_path", str(ROOT / "tasks"), "--tasks", TASKS),
        *("--metadata", '{"variant": "sample"}', "--gen_kwargs", GREEDY, "--log_samples", "--output_path", "out"),
    ]
    _call([str(Path(sys.executable).with_name("lm_eval")), *words], folder)
    (path,) = folder.rglob("results_*.json")
    return path.parent
