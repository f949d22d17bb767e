"""The folder beside the output in which a training works: whose it is, its lock, its last good checkpoint."""

from __future__ import annotations

import errno
import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from clueplus.errors import StoreError
from clueplus.files import canonical_json, make_private, sha256, write_atomic

_JOB = "job.json"
_PREFIX = "checkpoint-"
# Written last into a checkpoint of the trainer's, and into a phase that is done: without it a kill or a full disk came
# in between.
WHOLE = "whole.json"


def work_folder(out: Path) -> Path:
    """Where the training of `out` works."""
    return out.with_name(f"{out.name}.work")


class Work:
    """A training's work folder; it holds token ids and so is its owner's alone.

    Args:
        out: the folder that the training is to leave; must not exist.
        job: what the training is made of; what another job trained is neither continued nor thrown away.
        writes: whether this process makes and locks the folder; the others only read it.

    Raises:
        StoreError: `out` exists, or another training works or has worked there.
    """

    def __init__(self, out: Path, job: Mapping[str, Any], *, writes: bool) -> None:
        if out.exists():
            raise StoreError(f"{out} exists", fix="choose a new folder, or remove it")
        self.folder = work_folder(out)
        self._lock: IO[str] | None = None
        if writes:
            self._claim(sha256(canonical_json(job)))

    def _claim(self, digest: str) -> None:
        told = self.folder / _JOB
        if self.folder.exists() and any(self.folder.iterdir()) and not told.is_file():
            raise StoreError(f"{self.folder} is in the way", fix="remove it, or choose another output folder")
        try:
            make_private(self.folder)
        except OSError as error:
            raise StoreError(
                f"can't make {self.folder}: {error.strerror}", fix="choose a folder that you may write to"
            ) from error
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise StoreError(f"another training is working in {self.folder}", fix="wait for it, or stop it") from error
        if told.is_file() and json.loads(told.read_text(encoding="utf-8")) != {"job": digest}:
            if any(self.folder.rglob(WHOLE)):
                self.release()
                raise StoreError(
                    f"{self.folder} belongs to a training with another spec, base, data or number of processes",
                    fix="remove it to begin again, or choose another output folder",
                )
            self._clear()
        write_atomic(told, json.dumps({"job": digest}))

    def _clear(self) -> None:
        """Nothing was trained yet: a mistake was made and mended, and its sequences are not those of now."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)

    def release(self) -> None:
        """Lets another process have the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remove(self) -> None:
        """Everything is in the output: nothing here is needed any more."""
        shutil.rmtree(self.folder)
        self.release()


def whole_checkpoints(folder: Path) -> list[Path]:
    """The trainer's checkpoints that were written to their end, the earliest first."""
    found = [path for path in folder.glob(f"{_PREFIX}*") if (path / WHOLE).is_file()]
    return sorted(found, key=lambda path: int(path.name.removeprefix(_PREFIX)))


def remove_broken_checkpoints(folder: Path) -> None:
    """Removes checkpoints that a kill or a full disk left half written."""
    whole = whole_checkpoints(folder)
    for path in folder.glob(f"{_PREFIX}*"):
        if path not in whole:
            shutil.rmtree(path)


@contextmanager
def told_when_full(folder: Path) -> Iterator[None]:
    """Makes a full disk one line, and takes away the checkpoint that it left half written.

    Raises:
        StoreError: the disk of `folder` is full; it tells what is kept.
    """
    try:
        yield
    except Exception as error:
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        # pyarrow, safetensors and torch have errors of their own for it.
        if not full and not any(words in str(error) for words in ("No space left", "PytorchStreamWriter failed")):
            raise
        kept = []
        for place in folder.glob("*/checkpoints"):
            remove_broken_checkpoints(place)
            kept += whole_checkpoints(place)
        where = f"the checkpoint of step {kept[-1].name.removeprefix(_PREFIX)} is kept" if kept else "nothing is lost"
        raise StoreError(f"the disk of {folder} is full; {where}", fix="free space, and run the same again") from error
