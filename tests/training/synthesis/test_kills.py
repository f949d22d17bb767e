"""A synthesis killed outright at random points: no row is lost, doubled or changed, and no stored answer asked again.

Two kills in CI; CLUEPLUS_ALL_KILLS=1 makes twenty.
"""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from clueplus.training.synthesis.reading import read_rows
from clueplus.training.synthesis.status import status
from tests.support.fake_server import FakeServer, fake_server
from tests.support.synthesis import spoilt

ROOT = Path(__file__).resolve().parents[3]
ROWS, BLOCK, CONCURRENCY = 60, 7, 8
KILLS = 20 if os.environ.get("CLUEPLUS_ALL_KILLS") else 2


def start(server: FakeServer, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "tests/support/synthesis_run.py", server.base_url, str(folder), str(ROWS), str(BLOCK)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(server: FakeServer, folder: Path) -> tuple[int, int]:
    """Runs to the end; rows that were there, and answers that were asked."""
    process = start(server, folder)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-3000:]
    before, asked = out.split()
    return int(before), int(asked)


def killed(server: FakeServer, folder: Path, after: int) -> None:
    """Runs until the server was asked so often, and is killed while that request waits."""
    process: list[subprocess.Popen[str]] = []
    reply, base = server.reply, len(server.requests)

    def killing(payload: dict[str, Any], number: int) -> Any:
        if number == base + after:
            process[0].send_signal(signal.SIGKILL)
        return reply(payload, number)

    server.reply = killing
    process.append(start(server, folder))
    process[0].communicate(timeout=300)
    server.reply = reply
    assert process[0].returncode == -signal.SIGKILL, "it ended before it was killed"


def stored_keys(folder: Path) -> set[str]:
    """Of all answers that are stored whole. A kill while a file is packed leaves some in both places."""
    keys = set()
    for path in (folder / "answers").glob("*.jsonl*"):
        if path.suffix in (".gz", ".jsonl"):
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            keys |= {json.loads(line)["key"] for line in content.splitlines(keepends=True) if line.endswith(b"\n")}
    return keys


def counts(folder: Path) -> dict[str, Any]:
    found = status(folder)
    return {name: found[name] for name in ("rows", "pairs", "usage")}


def test_no_row_is_lost_or_doubled(tmp_path: Path) -> None:
    with fake_server(spoilt(5), vllm=True) as server:
        finish(server, tmp_path / "a")
        whole = len(server.requests)
        points = sorted(random.Random(8).sample(range(1, whole - CONCURRENCY * KILLS), KILLS))
        done = 0
        for point in points:
            killed(server, tmp_path / "b", max(1, point - done))
            # As a crash in the middle of a write leaves it.
            active = max((tmp_path / "b" / "answers").glob("*.jsonl"))
            with active.open("ab") as file:
                file.write(b'{"key": "torn')
            done = point
        kept = len(stored_keys(tmp_path / "b"))
        _, asked = finish(server, tmp_path / "b")
    assert asked == whole - kept, "what is stored is not asked again, and everything else is"
    assert stored_keys(tmp_path / "b") == stored_keys(tmp_path / "a")
    assert [*read_rows(tmp_path / "b")] == [*read_rows(tmp_path / "a")]
    assert counts(tmp_path / "b") == counts(tmp_path / "a")
    rows = counts(tmp_path / "b")["rows"]
    assert rows["finished"] == ROWS == rows["kept"] + sum(rows["rejected"].values())
