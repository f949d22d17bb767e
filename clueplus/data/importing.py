"""From files that a user holds to the documents of a task: the frame around each task's own importer."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from clueplus.data.documents import Document, Documents, Splits, check_splits
from clueplus.data.imported import Manifest, write_imported
from clueplus.data.load import import_module
from clueplus.errors import DataError
from clueplus.records.rewriting import MadeBy
from clueplus.registry import TaskSpec, VariantName

MODULE = "importer"


class Rejected(NamedTuple):
    """One row that was left out: its file's name, its number from 1, and why. Never its text."""

    file: str
    row: int
    reason: str


@dataclass(repr=False)
class Imported:
    """What an importer made of the user's files.

    `splits` are the documents by split, "test" and "fewshot"; `sources` the sha256 of every file that was read, by its
    name; `notes` whatever else makes these documents what they are (a seed, a mapping's version). `variant` says which
    one the files are, where a task imports several.
    """

    splits: dict[str, list[Document]]
    sources: dict[str, str]
    rejected: list[Rejected] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    variant: VariantName | None = None


Importer = Callable[[Path], Imported]


def import_task(spec: TaskSpec, path: Path, folder: Path) -> tuple[Manifest, list[Rejected]]:
    """Reads the user's files with the task's importer and writes the documents under the data folder.

    Args:
        spec: a task with an imported variant; `importer.py` in its folder has `read(path) -> Imported`.
        path: what the user holds: a file or a folder, as the task's card says.
        folder: the data folder.

    Raises:
        DataError: the task imports nothing, a file or column is missing, or no document is left.
    """
    imported_variants(spec)
    module = spec.folder / f"{MODULE}.py"
    if not path.exists():
        raise DataError(f"{path}: no such file or folder", fix=f"clueplus data import {spec.name} PATH")
    read: Importer = import_module(module).read
    imported = read(path)
    manifest = store_documents(spec, _variant(spec, imported), imported, folder, origin=path)
    return manifest, imported.rejected


def store_documents(
    spec: TaskSpec,
    variant: VariantName,
    imported: Imported,
    folder: Path,
    *,
    origin: Path,
    made_by: MadeBy | None = None,
) -> Manifest:
    """Writes documents that were made of the file or folder `origin`, once they are what the task declares.

    Raises:
        DataError: they are not.
        StoreError: the data folder can't be written.
    """
    splits = Splits(*(Documents(imported.splits.get(name, [])) for name in ("test", "fewshot")))
    check_splits(splits, spec.metadata, f"{spec.name} ({variant})")
    return write_imported(
        folder,
        spec.name,
        variant,
        imported.splits,
        sources=imported.sources,
        rejected=Counter(rejected.reason for rejected in imported.rejected),
        notes=imported.notes,
        made_by=made_by,
        origin=origin,
    )


def imported_variants(spec: TaskSpec) -> list[VariantName]:
    """The variants of a task that are imported.

    Raises:
        DataError: there is none.
    """
    names = [name for name, variant in spec.metadata.variants.items() if variant.imported]
    if not names:
        raise DataError(f"{spec.name} imports nothing: its data is fetched", fix=f"clueplus data fetch {spec.name}")
    return names


def _variant(spec: TaskSpec, imported: Imported) -> VariantName:
    """The variant that was read: the task's only one, or the one that the importer names."""
    names = imported_variants(spec)
    if imported.variant is None and len(names) == 1:
        return names[0]
    if imported.variant not in names:
        raise DataError(f"{spec.name}: its importer read {imported.variant or 'no variant'}, of {', '.join(names)}")
    return imported.variant


def file_hash(path: Path) -> str:
    """The sha256 of a file, read in pieces.

    Raises:
        DataError: it can't be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    return digest.hexdigest()


def need_columns(columns: Mapping[str, Any] | list[str] | None, wanted: list[str], file: str) -> None:
    """Refuses a table that lacks a column. What it has instead is not told: a headless file's first row is a note.

    Raises:
        DataError: the missing columns are named.
    """
    missing = [name for name in wanted if name not in (columns or ())]
    if missing:
        raise DataError(
            f"{file}: no column {', '.join(missing)}", fix="give the file as upstream publishes it, with its header row"
        )
