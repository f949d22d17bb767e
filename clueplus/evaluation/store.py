"""The response store: every finished answer, appended at once, found again by its key alone."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from clueplus.data.library import DATA_DIR_VARIABLE
from clueplus.errors import StoreError
from clueplus.files import make_private, sha256
from clueplus.models import Answer


class ResponseStore:
    """An append-only JSON Lines file of answers; of two lines with one key, the later counts.

    A torn last line, left by a crash in the middle of a write, is cut off. Any other broken line is an error: the
    answers around it are still good, so nothing is thrown away without the user's word. When a run is complete, its
    lines move into a compressed archive beside the file (`.gz`, one member a run); the file itself stays, because it
    is what writers lock.

    Args:
        path: the file.
        private: whether its owner alone may read it and its folder.
        elsewhere: what the user can do to have it in another place.
    """

    def __init__(self, path: Path, *, private: bool = False, elsewhere: str = "choose another --results-dir") -> None:
        self.path = path
        self.archive = path.with_name(path.name + ".gz")
        self._private = private
        self._elsewhere = f"set {DATA_DIR_VARIABLE} to another folder" if private else elsewhere
        self._answers: dict[str, Answer] = {}
        self._sound = False
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: str) -> Answer | None:
        """The stored answer to a key."""
        return self._answers.get(key)

    def load(self) -> ResponseStore:
        """Reads the archive and the file, as far as they exist.

        Raises:
            StoreError: a line is broken (its number is named), or a file can't be read.
        """
        for path in (self.archive, self.path):
            for number, line in enumerate(_whole_lines(path), start=1):
                key, answer = _entry(line, path, number)
                self._answers[key] = answer
        self._sound = True
        return self

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Holds the file open for appending, as its only writer.

        Raises:
            StoreError: another run writes to it, or it can't be written.
        """
        try:
            if self._private:
                make_private(self.path.parent)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            mode = 0o600 if self._private else 0o666
            self._file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, mode), "a+b")
        except OSError as error:
            raise StoreError(f"can't write {self.path}: {error.strerror}", fix=self._elsewhere) from error
        try:
            with self._file:
                self._lock()
                self._cut_torn_line()
                self._sound = self._sound or not self._file.seek(0, os.SEEK_END)
                yield
        finally:
            self._file = None

    def _lock(self) -> None:
        assert self._file is not None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(
                f"another run is writing to {self.path}", fix=f"wait for it, or {self._elsewhere}"
            ) from error

    def _cut_torn_line(self) -> None:
        assert self._file is not None
        end = self._file.seek(0, os.SEEK_END)
        keep, block = end, 1 << 16
        while keep > 0:
            start = max(0, keep - block)
            self._file.seek(start)
            newline = self._file.read(keep - start).rfind(b"\n")
            keep = start + newline + 1 if newline >= 0 else start
            if newline >= 0:
                break
        if keep < end:
            self._file.truncate(keep)

    def append(self, key: str, answer: Answer) -> None:
        """Adds one answer; it is in the file when this returns.

        Raises:
            StoreError: the disk is full or the file is gone.
        """
        assert self._file is not None, "append needs writing()"
        fields = json.dumps(vars(answer))
        line = f'{{"key": {json.dumps(key)}, "answer": {fields}, "check": "{_check(key, fields)}"}}\n'
        try:
            self._file.write(line.encode("ascii"))
            self._file.flush()
        except OSError as error:
            raise StoreError(
                f"can't write {self.path}: {error.strerror}",
                fix="make space; the answers so far are kept, run the same command again",
            ) from error
        self._answers[key] = answer

    def compress(self) -> None:
        """Moves the file's lines into the archive. A crash in between leaves some in both, which does no harm.

        A file that was not read, as by a fresh run, stays as it is: a broken line can be mended there.

        Raises:
            StoreError: the archive can't be written; the lines are still in the file.
        """
        assert self._file is not None, "compress needs writing()"
        if not self._sound or not self._file.seek(0, os.SEEK_END):
            return
        self._file.seek(0)
        fresh = self.archive.with_name(self.archive.name + ".new")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
                if self.archive.exists():
                    with self.archive.open("rb") as old:
                        shutil.copyfileobj(old, target)
                with gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as member:
                    shutil.copyfileobj(self._file, member)
                target.flush()
                os.fsync(target.fileno())
            if not self._private:
                shutil.copymode(self.path, fresh)
            fresh.replace(self.archive)
            self._file.truncate(0)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise StoreError(f"can't write {self.archive}: {error.strerror}", fix="make space") from error


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a plain or compressed file that end with a newline: a torn last one is no line."""
    if not path.exists():
        return
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except (OSError, EOFError, zlib.error) as error:
        raise StoreError(
            f"can't read {path}: {getattr(error, 'strerror', None) or 'broken archive'}",
            fix="restore it from a copy, or move it away to generate its answers anew",
        ) from error


def _entry(line: bytes, path: Path, number: int) -> tuple[str, Answer]:
    try:
        entry = json.loads(line)
        answer = Answer(**entry["answer"])
        if entry["check"] != _check(entry["key"], json.dumps(entry["answer"])):
            raise ValueError
        return entry["key"], answer
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: line {number} is corrupt",
            fix="delete that line to keep all other answers, or run with --fresh to generate everything anew",
        ) from error


def _check(key: str, fields: str) -> str:
    """A short checksum that finds a line changed by hand or by a disk."""
    return sha256(f"{key} {fields}")[:12]
