"""Every command in the README and the docs is run here, or by .ci/run."""

import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_server import FakeServer, fake_server
from tests.support.merging import merge_files
from tests.support.rewriting import pairs_file, prompt_of, reports_file, rewriting_model
from tests.support.synthesis import writer as synthesis_writer
from tests.support.tiny_model import build_tiny_model

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BY_CI = {"make demo", "make test"}


def commands(page: Path) -> Iterator[str]:
    for block in re.findall(r"^ *```bash\n(.*?)^ *```", page.read_text(), flags=re.M | re.S):
        yield from (line.strip() for line in block.splitlines() if line.strip())


CASES = [pytest.param(command, id=f"{page.name}: {command[:60]}") for page in PAGES for command in commands(page)]


def _answer(payload: dict[str, Any], number: int) -> str:
    """A poor model of the benchmark, and a good one where it rewrites or synthesises."""
    if "response_format" in payload:
        return synthesis_writer(payload)
    return rewriting_model(payload) if prompt_of(payload).endswith(("JSON object:", "JSON list:")) else "-1"


@pytest.fixture(scope="module")
def servers() -> Iterator[list[FakeServer]]:
    """What listens on ports 8000 and 8001 of the docs."""
    with fake_server(_answer) as one, fake_server(_answer) as two:
        for running in (one, two):
            running.models_reply = (200, {"data": [{"id": "my-checkpoint", "max_model_len": 8192}]})
        yield [one, two]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, so that a command that writes content writes it there."""
    folder = tmp_path_factory.mktemp("sandbox")
    for name in ("clueplus", "tasks", "models", "training", "leaderboard", "tools", "results"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    build_tiny_model(folder / "checkpoint")
    pairs_file(folder)
    reports_file(folder)
    merge_files(folder)
    (folder / "fake-vllm").mkdir()
    vllm = folder / "bin" / "vllm"
    vllm.parent.mkdir()
    vllm.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/support/fake_vllm.py "$@"\n')
    vllm.chmod(0o755)
    return folder


def expanded(word: str, folder: Path) -> list[str]:
    """The paths that a shell would put in the place of a pattern: runs are named by the time they were made."""
    return (sorted(glob.glob(word, root_dir=folder)) if "*" in word else []) or [word]


def test_there_are_commands() -> None:
    assert len(CASES) > 10


@pytest.mark.parametrize("command", CASES)
def test_a_command_of_the_docs_runs(command: str, servers: list[FakeServer], sandbox: Path, data_mirror: Path) -> None:
    if command in BY_CI:
        assert command in (ROOT / ".ci/run").read_text()
        return
    if command.startswith(("python benchmarks/", "make ")):
        pytest.skip("seconds are measured in benchmarks/, not in tests; test_benchmarks.py runs each script small")
    for port, server in zip((8000, 8001), servers, strict=True):
        command = command.replace(f"http://127.0.0.1:{port}/v1", server.base_url)
    expected = re.search(r"  # exits with (\d+)$", command)
    words = [word for written in shlex.split(command, comments=True) for word in expanded(written, sandbox)]
    environment = {
        **os.environ,
        "FAKE_VLLM": str(sandbox / "fake-vllm"),
        "PATH": f"{sandbox / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CLUEPLUS_DATA_DIR": str(sandbox / "data"),
        "CLUEPLUS_DATA_MIRROR": str(data_mirror),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(sandbox),
    }
    result = subprocess.run(words, cwd=sandbox, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == (int(expected[1]) if expected else 0), result.stderr[-2000:] or result.stdout[-2000:]
