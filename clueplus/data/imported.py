"""Documents that a user imported from credentialed files: canonical JSON Lines that their owner alone may read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from clueplus.data.library import State
from clueplus.errors import DataError
from clueplus.files import canonical_json, make_private, sha256, write_atomic
from clueplus.records.rewriting import MadeBy

FOLDER = "restricted"


class Manifest(BaseModel):
    """What an import was made of and what came of it.

    `sources` are the hashes of the user's files by name; `rejected` counts rows that were left out, by reason;
    `notes` tell how the documents were made, where that changes what they are (a seed, a mapping's version), `made_by`
    which model made them. `origin` is where the user's files were; it stays on this machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    variant: str
    documents_sha256: str
    sources: dict[str, str]
    splits: dict[str, int]
    rejected: dict[str, int] = {}
    notes: dict[str, Any] = {}
    made_by: MadeBy | None = None
    origin: str | None = None


def write_imported(
    folder: Path,
    task: str,
    variant: str,
    splits: Mapping[str, Iterable[Mapping[str, Any]]],
    *,
    sources: Mapping[str, str],
    rejected: Mapping[str, int] | None = None,
    notes: Mapping[str, Any] | None = None,
    made_by: MadeBy | None = None,
    origin: Path | None = None,
) -> Manifest:
    """Writes the documents of a variant and their manifest, readable by their owner alone.

    Args:
        folder: the data folder.
        task: the task's id.
        variant: the variant's name.
        splits: documents by split, "test" and "fewshot".
        sources: sha256 of the files they were made from, by name.
        rejected: how many rows were left out, by reason.
        notes: what else makes these documents what they are.
        made_by: the model that made them, if one did.
        origin: where the files were.

    Raises:
        StoreError: the folder can't be written.
    """
    lines, counts = [], {}
    for split, documents in splits.items():
        own = [canonical_json({"split": split, **document}) + "\n" for document in documents]
        counts[split] = len(own)
        lines += own
    content = "".join(lines).encode()
    manifest = Manifest(
        task=task,
        variant=variant,
        documents_sha256=sha256(content),
        sources=dict(sources),
        splits=counts,
        rejected=dict(rejected or {}),
        notes=dict(notes or {}),
        made_by=made_by,
        origin=str(origin.resolve()) if origin else None,
    )
    path = documents_path(folder, task, variant)
    for parent in (path.parent.parent, path.parent):
        make_private(parent)
    report_path(folder, task, variant).unlink(missing_ok=True)  # it told of the documents before
    write_atomic(path, content, private=True)
    write_atomic(_manifest_path(path), json.dumps(manifest.model_dump(), indent=2) + "\n", private=True)
    return manifest


def read_imported(folder: Path, task: str, variant: str) -> tuple[Path, Manifest]:
    """Where the documents of an imported variant lie, once they are those of their manifest.

    Raises:
        DataError: they were not imported here, or have changed since.
    """
    manifest = read_manifest(folder, task, variant)
    path = documents_path(folder, task, variant)
    try:
        found = sha256(path.read_bytes())
    except OSError as error:
        raise _not_imported(folder, task, variant) from error
    if found != manifest.documents_sha256:
        raise DataError(f"{path}: changed since it was imported", fix=f"clueplus data import {task} PATH")
    return path, manifest


def read_manifest(folder: Path, task: str, variant: str) -> Manifest:
    """What is known of an import, without a look at its documents.

    Raises:
        DataError: there is none.
    """
    path = _manifest_path(documents_path(folder, task, variant))
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise _not_imported(folder, task, variant) from error
    except ValidationError as error:
        raise DataError(f"{path}: not a manifest", fix=f"clueplus data import {task} PATH") from error


def is_imported(folder: Path, task: str, variant: str) -> bool:
    """Whether a variant was imported here. Nothing is read: it may have changed since."""
    path = documents_path(folder, task, variant)
    return path.is_file() and _manifest_path(path).is_file()


@dataclass(frozen=True)
class ImportStatus:
    """One imported variant on this machine: `documents` by split and `when`, where it is here and as it was made."""

    state: State
    place: Path
    documents: dict[str, int] | None = None
    when: datetime | None = None


def import_status(folder: Path, task: str, variant: str) -> ImportStatus:
    """Whether a variant was imported and is unchanged; when, is the time of its manifest."""
    path = documents_path(folder, task, variant)
    if not path.exists() and not _manifest_path(path).exists():
        return ImportStatus("absent", path)
    try:
        _, manifest = read_imported(folder, task, variant)
    except DataError:
        return ImportStatus("changed", path)
    written = datetime.fromtimestamp(_manifest_path(path).stat().st_mtime, UTC)
    return ImportStatus("present", path, manifest.splits, written)


def _not_imported(folder: Path, task: str, variant: str) -> DataError:
    return DataError(
        f"no data: {task} ({variant}) was not imported into {folder}",
        fix=f"clueplus data import {task} PATH, with the files you hold; or use another --variant",
    )


def documents_path(folder: Path, task: str, variant: str) -> Path:
    """Where imported documents lie under the data folder."""
    return folder / FOLDER / task / f"{variant}.jsonl"


def report_path(folder: Path, task: str, variant: str) -> Path:
    """Where the report of a rewriting lies: beside its documents."""
    return documents_path(folder, task, variant).with_suffix(".report.json")


def _manifest_path(documents: Path) -> Path:
    return documents.with_suffix(".manifest.json")
