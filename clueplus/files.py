"""Files appear whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from clueplus.errors import StoreError


def write_atomic(path: Path, content: bytes | str, *, private: bool = False) -> None:
    """Writes `content` to `path` by way of a temporary file beside it, so that a reader never sees half of it.

    Args:
        path: the file; its folder is made.
        content: bytes, or text for UTF-8.
        private: whether its owner alone may read it.

    Raises:
        StoreError: the folder can't be made or written, or the disk is full; nothing is left behind.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o600 if private else 0o644)
        temporary.replace(path)
    except OSError as error:
        raise StoreError(
            f"can't write {path}: {error.strerror or error}",
            fix="choose a folder that you may write to, with free space",
        ) from error
    finally:
        if temporary is not None:  # an interrupt leaves no half file either
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """A text file beside `path` that takes its place when the block ends, and goes when the block fails.

    For what is too large to be held in memory; `write_atomic` is for everything else.

    Raises:
        StoreError: it can't be written, or the disk is full.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise StoreError(
            f"can't write {path}: {error.strerror or error}",
            fix="choose a folder that you may write to, with free space",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def make_private(folder: Path) -> None:
    """Makes a folder that its owner alone may read and enter, or makes it so."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)


def slug(name: str) -> str:
    """A model's name as one folder name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "model"


def canonical_json(value: Any) -> str:
    """`value` as the one JSON text that hashes are taken of: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def sha256(content: bytes | str) -> str:
    """The sha256 of `content`, in hex; text is taken as UTF-8."""
    return hashlib.sha256(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content).hexdigest()
