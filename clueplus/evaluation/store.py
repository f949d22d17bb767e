"""The response store: every finished answer, appended at once, found again by its key alone."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from clueplus.errors import StoreError
from clueplus.files import sha256
from clueplus.models import Answer


class ResponseStore:
    """An append-only JSON Lines file of answers; of two lines with one key, the later counts.

    A torn last line, left by a crash in the middle of a write, is cut off. Any other broken line is an error: the
    answers around it are still good, so nothing is thrown away without the user's word.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._answers: dict[str, Answer] = {}
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: str) -> Answer | None:
        """The stored answer to a key."""
        return self._answers.get(key)

    def load(self) -> ResponseStore:
        """Reads the file, if there is one.

        Raises:
            StoreError: a line is broken (its number is named), or the file can't be read.
        """
        for number, line in enumerate(self._lines(), start=1):
            try:
                entry = json.loads(line)
                answer = Answer(**entry["answer"])
                if entry["check"] != _check(entry["key"], answer):
                    raise ValueError
            except (ValueError, KeyError, TypeError) as error:
                raise StoreError(
                    f"{self.path}: line {number} is corrupt",
                    fix="delete that line to keep all other answers, or run with --fresh to generate everything anew",
                ) from error
            self._answers[entry["key"]] = answer
        return self

    def _lines(self) -> Iterator[bytes]:
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            raise StoreError(f"can't read {self.path}: {error.strerror}") from error
        whole, _, _torn = content.rpartition(b"\n")
        return iter(whole.split(b"\n") if whole else [])

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Holds the file open for appending, as its only writer.

        Raises:
            StoreError: another run writes to it, or it can't be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
        except OSError as error:
            raise StoreError(
                f"can't write {self.path}: {error.strerror}", fix="choose another --results-dir"
            ) from error
        try:
            with self._file:
                self._lock()
                self._cut_torn_line()
                yield
        finally:
            self._file = None

    def _lock(self) -> None:
        assert self._file is not None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(
                f"another run is writing to {self.path}", fix="wait for it, or use another --results-dir"
            ) from error

    def _cut_torn_line(self) -> None:
        assert self._file is not None
        self._file.seek(0)
        content = self._file.read()
        if content and not content.endswith(b"\n"):
            self._file.truncate(content.rfind(b"\n") + 1)

    def append(self, key: str, answer: Answer) -> None:
        """Adds one answer; it is in the file when this returns.

        Raises:
            StoreError: the disk is full or the file is gone.
        """
        assert self._file is not None, "append needs writing()"
        entry = {"key": key, "answer": asdict(answer), "check": _check(key, answer)}
        try:
            self._file.write(json.dumps(entry, ensure_ascii=True).encode("ascii") + b"\n")
            self._file.flush()
        except OSError as error:
            raise StoreError(
                f"can't write {self.path}: {error.strerror}",
                fix="make space; the answers so far are kept, run the same command again",
            ) from error
        self._answers[key] = answer


def _check(key: str, answer: Answer) -> str:
    """A short checksum that finds a line changed by hand or by a disk."""
    value: list[Any] = [key, answer.text, answer.finish_reason]
    return sha256(json.dumps(value))[:12]
