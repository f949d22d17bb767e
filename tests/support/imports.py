"""Runs a task's importer on files that a test wrote, and checks that nothing of their text comes out in messages."""

from pathlib import Path

import pytest

from clueplus.data import Library, load_splits
from clueplus.data.documents import Splits
from clueplus.data.imported import Manifest
from clueplus.data.importing import Rejected, import_task
from clueplus.errors import DataError
from clueplus.registry import Catalog

CANARY = "CANARY8812"


def imported(task: str, path: Path, folder: Path) -> tuple[Splits, Manifest, list[Rejected]]:
    """The documents of the official variant after an import, as a run would load them."""
    spec = Catalog().task(task)
    manifest, rejected = import_task(spec, path, folder)
    assert CANARY not in manifest.model_dump_json() + repr(rejected)
    return load_splits(spec, "official", Library(folder)), manifest, rejected


def refused(task: str, path: Path, folder: Path, told: str) -> None:
    """The import fails with a message that has `told` and no text of a document."""
    with pytest.raises(DataError, match=told) as caught:
        import_task(Catalog().task(task), path, folder)
    assert CANARY not in str(caught.value)
    assert not folder.exists()
