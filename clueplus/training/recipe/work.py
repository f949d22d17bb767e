"""The folder that a recipe works in: where each stage's output lies, whether it is whole, and who may write."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from clueplus.errors import StoreError
from clueplus.files import canonical_json, sha256, write_atomic
from clueplus.records.lineage import Code, Parent
from clueplus.training.recipe.blocks import Kind

STAGE_NAME = "stage.json"
RESULT_NAME = "result.json"
_SHOWN = 12


class StageRecord(BaseModel):
    """What `stage.json` says: the output beside it is whole.

    Attributes:
        digest: of what the stage was asked to do.
        output: of what came out.
        inputs: the stages that it took something from.
        result: what the stage function returned.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: str
    kind: Kind
    digest: str
    output: str
    inputs: list[Parent]
    result: dict[str, Any]
    code: Code
    environment: dict[str, str]
    finished: datetime
    seconds: float


class Work:
    """The work folder of one recipe.

    Args:
        folder: made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, kind: str, name: str, digest: str) -> Path:
        """Where the output of a stage with this digest lies."""
        return self.folder / kind / f"{name}-{digest[:_SHOWN]}"

    def record(self, place: Path, digest: str) -> StageRecord | None:
        """The record of a whole output, or None.

        Raises:
            StoreError: there is one that can't be read.
        """
        path = place / STAGE_NAME
        try:
            record = StageRecord.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise StoreError(
                f"{path} can't be read ({type(error).__name__})", fix=f"remove {place}, and it is made again"
            ) from error
        return record if record.digest == digest else None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes in this folder meanwhile; a killed process holds nothing.

        Raises:
            StoreError: another run holds it, or the folder can't be written.
        """
        path = self.folder / ".lock"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(f"can't write {self.folder}: {error.strerror}", fix="choose another --work") from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(
                    f"another run works in {self.folder} (process {_holder(handle)})",
                    fix="wait for it, or choose another --work",
                ) from None
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(handle)

    def remembered(self, files: Sequence[Path], compute: Callable[[], str]) -> str:
        """A digest of large files, computed again only when a size or a time of change is another one.

        Args:
            files: what the digest depends on.
            compute: reads them.
        """
        path = self.folder / "hashes.json"
        key = sha256(canonical_json([[str(file.absolute()), *_stamp(file)] for file in files]))
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        if not isinstance(known.get(key), str):
            known[key] = compute()
            if self.folder.is_dir():  # a plan makes no folder
                write_atomic(path, canonical_json(known))
        return str(known[key])


def _stamp(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _holder(handle: int) -> str:
    return os.pread(handle, 20, 0).decode("ascii", "replace") or "unknown"
