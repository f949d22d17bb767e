"""What a stage reads that no other stage makes: its digest, or one line on what is missing and where it belongs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from clueplus.data import Library
from clueplus.data.availability import availability
from clueplus.data.imported import read_manifest
from clueplus.errors import ClueplusError
from clueplus.files import canonical_json, sha256
from clueplus.registry import Catalog, TaskSpec, VariantName
from clueplus.training.corpora.spec import Source
from clueplus.training.recipe.blocks import Block, CorpusStage, EvaluateStage, GateStage
from clueplus.training.recipe.spec import Recipe
from clueplus.training.recipe.work import Work


class Outside(NamedTuple):
    """The digest of what a stage reads from outside of the recipe, None where something is `missing`."""

    digest: str | None
    missing: str | None = None


class Surroundings:
    """What lies around a recipe: files, registered tasks.

    Args:
        recipe: whose stages are asked about.
        work: remembers digests of large files.
        catalog: of tasks.
        library: where their data is.
    """

    def __init__(self, recipe: Recipe, work: Work, catalog: Catalog, library: Library) -> None:
        self._recipe, self._work, self._catalog, self._library = recipe, work, catalog, library

    def of(self, block: Block) -> Outside:
        """What a stage reads from outside."""
        try:
            parts = self._parts(block)
        except _MissingError as error:
            return Outside(None, str(error))
        return Outside(sha256(canonical_json(parts)))

    def _parts(self, block: Block) -> dict[str, str]:
        if isinstance(block, CorpusStage):
            parts = {source.name: self._source(source) for source in block.sources}
            return {**parts, "": self._test_splits}
        if isinstance(block, EvaluateStage):
            return {spec.name: _task(spec, block.variant, self._library) for spec in self._catalog.select(block.tasks)}
        if isinstance(block, GateStage) and block.policy is not None:
            path = self._recipe.beside(block.policy)
            if not path.is_file():
                raise _MissingError(f"no policy {path}. Fix: put it there, or correct the recipe")
            return {"policy": sha256(path.read_bytes())}
        return {}

    @cached_property
    def _test_splits(self) -> str:
        """The test splits that corpora are read against: one that comes later makes them again."""
        present = [
            [spec.name, spec.metadata.version, name]
            for spec in self._catalog.tasks.values()
            for name in spec.metadata.variants
            if availability(spec, name, self._library).present
        ]
        return sha256(canonical_json(present))

    def _source(self, source: Source) -> str:
        if source.derived is not None:
            tasks = self._catalog.tasks
            return _pinned(tasks[source.derived]) if source.derived in tasks else f"derived:{source.derived}"
        place = source.path or source.dataset or ""
        found = _files(place)
        if found:
            return self._work.remembered(found, lambda: _content(found))
        if source.dataset is not None and not place.startswith((".", "/", "~")):
            return f"{source.dataset}:{source.split}"
        where = f" ({source.homepage})" if source.homepage else ""
        raise _MissingError(
            f"no {place}. Fix: put {source.name}{where} there, as JSONL, Parquet or text,"
            f" licence: {source.licence}; or change the path in the recipe"
        )


class _MissingError(Exception):
    """One line on what is missing."""


def _files(place: str) -> list[Path]:
    """The files of a path: itself, a folder's, or those of a pattern."""
    path = Path(place).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    if any(mark in place for mark in "*?["):
        anchor = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else place
        return sorted(file for file in anchor.glob(pattern) if file.is_file())
    return []


def _content(files: Sequence[Path]) -> str:
    """Content and order count; where the files lie does not."""
    digests = []
    for file in files:
        with file.open("rb") as opened:
            digests.append([file.name, hashlib.file_digest(opened, "sha256").hexdigest()])
    return sha256(canonical_json(digests))


def _pinned(spec: TaskSpec) -> str:
    return sha256(canonical_json(sorted(s.sha256 for v in spec.metadata.variants.values() for s in v.sources)))


def _task(spec: TaskSpec, name: VariantName, library: Library) -> str:
    """What the scores of a task depend on: its version and its data."""
    variant = spec.metadata.variants.get(name)
    if variant is None:
        has = ", ".join(spec.metadata.variants)
        raise ClueplusError(f"{spec.name} has no variant '{name}'", fix=f"it has {has}; leave it out of tasks")
    here = availability(spec, name, library)
    if not here.present:
        raise _MissingError(f"no data of {spec.name} ({name}). Fix: {here.fix}")
    if variant.imported:
        data = [read_manifest(library.folder, spec.name, name).documents_sha256]
    else:
        data = [source.sha256 for source in variant.sources] or [sha256(_sample(spec).read_bytes())]
    return sha256(canonical_json([spec.metadata.version, spec.metadata.scoring, *data]))


def _sample(spec: TaskSpec) -> Path:
    return spec.path.with_name("sample.jsonl")
