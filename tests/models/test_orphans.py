import os
import subprocess
import sys
import time
from pathlib import Path

from clueplus.models.orphans import VARIABLE, end_orphans, forget_server, mark_server

WORKER = "import time; time.sleep(60)"


def worker(mark: str) -> subprocess.Popen[bytes]:
    """A process that bears the mark, as an engine's worker does."""
    return subprocess.Popen([sys.executable, "-c", WORKER], env={**os.environ, VARIABLE: mark})


def owned_by_the_dead(log: Path) -> str:
    """The mark of a server whose owner has ended."""
    code = f"from pathlib import Path; from clueplus.models.orphans import *; print(mark_server(Path({str(log)!r})))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_workers_of_a_dead_owner_are_ended_before_the_next_server_starts(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    left, other = worker(owned_by_the_dead(log)), worker("another mark")
    try:
        assert mark_server(log)
        assert left.wait(10) == -9
        assert other.poll() is None
    finally:
        other.kill()
        other.wait(10)


def test_a_server_whose_owner_lives_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    process = worker(mark_server(log))
    try:
        time.sleep(0.1)
        assert end_orphans(log) == 0
        assert process.poll() is None
    finally:
        process.kill()
        process.wait(10)


def test_a_stopped_server_leaves_no_note_and_a_broken_note_does_no_harm(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    mark_server(log)
    forget_server(log)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "server.log.owner").write_text("{")
    assert end_orphans(log) == 0
