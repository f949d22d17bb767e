"""One variant of a shipped task, loaded as an evaluation loads it, and what importers make of synthetic files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from clueplus.data import Library
from clueplus.data.importing import Rejected, import_task
from clueplus.evaluation.task import LoadedTask, load_tasks
from clueplus.registry import Catalog, VariantName

NOWHERE = Path(__file__).parent / "no data here"


@cache
def load_variant(name: str, variant: VariantName, mirror: Path | None = None, folder: Path = NOWHERE) -> LoadedTask:
    """The task with the documents of `variant`, from a mirror or from what was imported into `folder`."""
    catalog = Catalog()
    return load_tasks([catalog.task(name)], catalog, variant, Library(folder, mirror))[0]


def imported(name: str, path: Path, folder: Path) -> tuple[LoadedTask, list[Rejected]]:
    """The official variant of a task after an import of `path` into `folder`, and the rows that were left out."""
    _, rejected = import_task(Catalog().task(name), path, folder)
    return load_variant(name, "official", folder=folder), rejected
