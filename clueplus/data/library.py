"""The user's copy of the source files: found in the data folder or a mirror, fetched, and checked by hash."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from clueplus.errors import DataError
from clueplus.files import sha256, write_atomic
from clueplus.registry import SourceFile

DATA_DIR_VARIABLE = "CLUEPLUS_DATA_DIR"
MIRROR_VARIABLE = "CLUEPLUS_DATA_MIRROR"

State = Literal["present", "absent", "changed"]


def data_folder() -> Path:
    """Where fetched source files live: `CLUEPLUS_DATA_DIR`, or the user's data folder."""
    return Path(os.environ.get(DATA_DIR_VARIABLE) or platformdirs.user_data_path("clueplus", appauthor=False))


@dataclass(frozen=True)
class Status:
    """Whether one source file can be read here: `place` is where it was found, `found` its hash when it is wrong."""

    source: SourceFile
    state: State
    place: Path | None = None
    found: str | None = None


@dataclass(frozen=True)
class Library:
    """Reads source files from the data folder first, then from a mirror of the same layout; never from the network.

    Every read checks the sha256, so what a task is built from is what upstream published.
    """

    folder: Path
    mirror: Path | None = None

    @classmethod
    def here(cls, mirror: Path | str | None = None) -> Library:
        """The library of this user; `mirror` defaults to `CLUEPLUS_DATA_MIRROR`.

        Raises:
            DataError: the mirror is not a folder.
        """
        mirror = mirror or os.environ.get(MIRROR_VARIABLE) or None
        if mirror is not None and not Path(mirror).is_dir():
            raise DataError(f"the mirror {mirror} is not a folder", fix=f"correct --mirror or {MIRROR_VARIABLE}")
        return cls(data_folder(), Path(mirror) if mirror is not None else None)

    def read(self, source: SourceFile) -> bytes:
        """The checked content of `source`.

        Raises:
            DataError: it is absent or its hash is wrong; the message names file, expected and found.
        """
        place = self.place(source)
        if place is None:
            raise DataError(
                f"no data: {source.file} is neither in {self.folder} nor in {self.mirror or 'a mirror (none given)'}",
                fix="run 'clueplus data fetch', give --mirror DIR, or use --variant sample",
            )
        content = _content(place, source)
        found = sha256(content)
        if found != source.sha256:
            raise _wrong_hash(place, source, found, len(content))
        return content

    def status(self, source: SourceFile) -> Status:
        """Whether `source` is here and unchanged."""
        place = self.place(source)
        if place is None:
            return Status(source, "absent")
        try:
            found = sha256(_content(place, source))
        except DataError:
            return Status(source, "changed", place, "unreadable")
        return Status(source, "present" if found == source.sha256 else "changed", place, found)

    def fetch(self, source: SourceFile) -> bool:
        """Puts `source` into the data folder, from the mirror when there is one, else from its URL.

        Returns:
            False when it was already there, unchanged.

        Raises:
            DataError: download failed or the hash is wrong; nothing half-written stays.
        """
        target = self.folder / source.file
        if target.is_file() and sha256(target.read_bytes()) == source.sha256:
            return False
        content = _download(source) if self.mirror is None else Library(self.mirror).read(source)
        write_atomic(target, content)
        return True

    def place(self, source: SourceFile) -> Path | None:
        """Where `source` lies, unchecked; None where it is absent."""
        for root in (self.folder, self.mirror):
            for name in (source.file, source.file + ".gz") if root else ():
                assert root is not None
                if (root / name).is_file():
                    return root / name
        return None


def _content(path: Path, source: SourceFile) -> bytes:
    try:
        raw = path.read_bytes()
        return raw if path.name == Path(source.file).name else gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} can't be read ({error})", fix="fetch or copy the file again") from error


def _wrong_hash(place: Path | str, source: SourceFile, found: str, size: int) -> DataError:
    return DataError(
        f"{place}: expected sha256 {source.sha256}, found {found} ({size:,} bytes)",
        fix="the file is truncated or changed: remove it and run 'clueplus data fetch'",
    )


def _download(source: SourceFile) -> bytes:
    """The content of `source` from its URL, checked."""
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = Path(pooch.retrieve(source.url, known_hash=None, path=folder, fname="download"))
        except (requests.RequestException, OSError, ValueError) as error:
            raise DataError(
                f"{source.file}: download from {source.url} failed ({type(error).__name__})",
                fix="check the network, or copy the file from a machine that has it and give --mirror DIR",
            ) from error
        content = path.read_bytes()
    if source.member is not None:
        content = _member(content, source)
    found = sha256(content)
    if found != source.sha256:
        raise _wrong_hash(source.url, source, found, len(content))
    return content


def _member(archive: bytes, source: SourceFile) -> bytes:
    assert source.member is not None
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            file = tar.extractfile(source.member)
            if file is None:
                raise KeyError(source.member)
            return file.read()
    except (tarfile.TarError, KeyError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{source.url}: no member {source.member} in the archive ({error})") from error
