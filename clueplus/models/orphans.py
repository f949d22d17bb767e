"""Workers of a server whose owner was killed outright: they would keep the accelerator for ever.

The kernel ends the server with its owner, but an engine's worker processes are nobody's children then. Each server is
started with a mark in its environment, which they inherit; the mark and its owner are written down beside the log.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
from pathlib import Path

from clueplus.files import write_atomic

VARIABLE = "CLUEPLUS_SERVER"


def mark_server(log: Path) -> str:
    """A new mark for the server of a log; what is left of the server before it is ended, if its owner is gone."""
    end_orphans(log)
    mark = secrets.token_hex(16)
    owner = {"mark": mark, "owner": os.getpid(), "born": _born(os.getpid())}
    write_atomic(_note(log), json.dumps(owner) + "\n", private=True)
    return mark


def end_orphans(log: Path) -> int:
    """Kills the processes that bear the mark beside `log`, unless their owner lives; returns how many there were."""
    try:
        owner = json.loads(_note(log).read_text())
        mark, pid, born = str(owner["mark"]), int(owner["owner"]), owner["born"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    if _born(pid) == born is not None:
        return 0
    found = _bearers(mark)
    for process in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)
    _note(log).unlink(missing_ok=True)
    return len(found)


def forget_server(log: Path) -> None:
    """The server of a log was stopped: nothing is left of it."""
    _note(log).unlink(missing_ok=True)


def _note(log: Path) -> Path:
    return log.with_name(log.name + ".owner")


def _bearers(mark: str) -> list[int]:
    wanted = f"{VARIABLE}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def _born(pid: int) -> str | None:
    """When a process began, in the kernel's ticks: a number that a later process of the same id does not have."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
