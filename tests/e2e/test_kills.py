"""Processes killed outright at random points of a run, with a real vLLM server: the resumed run has the same record.

Five kills of the harness are cheap, because the server stays. A killed server costs a minute to start again: one kill
of the server is in test_real_server.py, one of both here; CLUEPLUS_ALL_KILLS=1 makes five of each.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clueplus.models.server import Server
from clueplus.records.run import RunRecord
from tests.support.vllm_server import EXACT, cpu_environment, vllm_command

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3000)]

LIMIT, CONCURRENCY = 48, 4
# The last kill comes while there are some rounds of requests to go, so that it never comes after the end.
LAST = LIMIT - 5 * CONCURRENCY
KILLS = 5 if os.environ.get("CLUEPLUS_ALL_KILLS") else 1


def start(folder: Path, mirror: Path, *more: object) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    command = [
        *(str(Path(sys.executable).with_name("clueplus")), "evaluate", "--variant", "official", "--tasks", "icd10cm"),
        *("--limit", str(LIMIT), "--concurrency", str(CONCURRENCY), "--attempts", "3", "--json", *map(str, more)),
    ]
    environment = {**os.environ, **cpu_environment(), "CLUEPLUS_DATA_MIRROR": str(mirror)}
    environment["CLUEPLUS_DATA_DIR"] = str(folder / "data")
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def stored(folder: Path) -> int:
    path = folder / "results" / "tiny" / "responses.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def when_stored(process: subprocess.Popen[str], folder: Path, count: int) -> int:
    """Waits until so many answers are stored; returns how many are."""
    while process.poll() is None and stored(folder) < count:
        time.sleep(0.002)
    assert process.poll() is None, f"it ended too early: {process.communicate()[1][-2000:]}"
    return stored(folder)


def finished(process: subprocess.Popen[str]) -> RunRecord:
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err[-3000:]
    return RunRecord.model_validate_json(out)


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def points(seed: int, kills: int) -> list[int]:
    """How many answers are stored when each kill comes."""
    return sorted(random.Random(seed).sample(range(1, LAST), kills))


def test_the_harness_is_killed_five_times(server: Server, data_mirror: Path, tmp_path: Path) -> None:
    address = ("--model", "tiny", "--base-url", server.base_url)
    undisturbed = finished(start(tmp_path / "a", data_mirror, *address))
    for point in points(seed=1, kills=5):
        process = start(tmp_path / "b", data_mirror, *address)
        when_stored(process, tmp_path / "b", point)
        process.kill()
        process.communicate()
    before = stored(tmp_path / "b")
    record = finished(start(tmp_path / "b", data_mirror, *address))
    assert record.generation.reused == before
    assert record.tasks == undisturbed.tasks
    assert record.model.identity == undisturbed.model.identity


def test_the_harness_is_killed_together_with_its_server(server: Server, data_mirror: Path, tmp_path: Path) -> None:
    undisturbed = finished(start(tmp_path / "a", data_mirror, "--model", "tiny", "--base-url", server.base_url))
    own = (
        *("--model", server.served.weights, "--vllm-command", *vllm_command()),
        *("--engine-args", " ".join(["--max-model-len", "32768", *EXACT])),
    )
    kept = 0
    for point in points(seed=2, kills=KILLS):
        process = start(tmp_path / "b", data_mirror, *own)
        kept = when_stored(process, tmp_path / "b", max(point, kept + 1))
        servers = children(process.pid)
        process.kill()
        for child in servers:
            os.kill(child, signal.SIGKILL)
        process.communicate()
    record = finished(start(tmp_path / "b", data_mirror, *own))
    assert record.generation.reused >= kept
    assert record.generation.generated <= LIMIT - kept
    assert record.tasks == undisturbed.tasks


def test_the_server_is_killed(server: Server, data_mirror: Path, tmp_path: Path) -> None:
    """A run outlives one death of its server; the second one ends it, and the next run goes on from there."""
    if KILLS == 1:
        pytest.skip("one killed server is tested in test_real_server.py; CLUEPLUS_ALL_KILLS=1 kills five")
    undisturbed = finished(start(tmp_path / "a", data_mirror, "--model", "tiny", "--base-url", server.base_url))
    own = (
        *("--model", server.served.weights, "--vllm-command", *vllm_command()),
        *("--engine-args", " ".join(["--max-model-len", "32768", *EXACT])),
    )
    process, kept = start(tmp_path / "b", data_mirror, *own), 0
    for number, point in enumerate(points(seed=3, kills=KILLS)):
        kept = when_stored(process, tmp_path / "b", max(point, kept + 1))
        for child in children(process.pid):
            os.kill(child, signal.SIGKILL)
        if number % 2:
            assert process.wait(900) == 2
            _, err = process.communicate()
            assert "the server died twice" in err
            process = start(tmp_path / "b", data_mirror, *own)
    record = finished(process)
    assert record.tasks == undisturbed.tasks
    print(json.dumps(record.generation.model_dump()))
