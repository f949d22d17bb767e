"""The model that a recipe starts from: where it is, what it is, how large it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from clueplus.errors import ClueplusError, DataError, did_you_mean
from clueplus.registry import Catalog
from clueplus.training.digest import checkpoint_digest
from clueplus.training.merging.checkpoint import Checkpoint, locate
from clueplus.training.recipe.rehearse import TINY
from clueplus.training.recipe.spec import Recipe
from clueplus.training.recipe.tiny import make_tiny, tiny_digest, tiny_parameters
from clueplus.training.recipe.work import Work


class Base(NamedTuple):
    """The base. `digest` is None where it is not on this machine yet; `parameters` where nobody knows."""

    name: str
    digest: str | None
    folder: Path | None
    parameters: int | None


def find_base(recipe: Recipe, work: Work, catalog: Catalog, *, fetch: bool = False) -> Base:
    """The base of a recipe.

    Args:
        recipe: a real one, or one that is rehearsed.
        work: where a rehearsal's base is made, and digests are remembered.
        catalog: of models.
        fetch: whether to download it, or to make it, where it is not here.

    Raises:
        ClueplusError: no model is called so, or it can't be had.
    """
    if recipe.base == TINY:
        return _tiny(recipe, work, make=fetch)
    spec = catalog.models.get(recipe.base)
    name = recipe.base if spec is None else f"{spec.weights}@{spec.revision}" if spec.revision else spec.weights
    if name is None:
        raise ClueplusError(f"{recipe.path}: base: {recipe.base} has no weights to train", fix="name a model that has")
    if spec is None and "/" not in name and not Path(name).is_dir():
        raise ClueplusError(f"{recipe.path}: base: unknown model '{name}'", fix=did_you_mean(name, catalog.models))
    folder = locate(name) if fetch else _here(name)
    if folder is None:
        return Base(recipe.base, None, None, spec.parameters if spec else None)
    files = sorted(file for file in folder.iterdir() if file.is_file())
    digest = work.remembered(files, lambda: checkpoint_digest(folder))
    entries = Checkpoint(folder, name).entries.values()
    return Base(_public(recipe.base), digest, folder, sum(entry.numel for entry in entries))


def _public(name: str) -> str:
    """What a lineage may call the base: a folder's own name, not where it lies."""
    return Path(name).expanduser().resolve().name if Path(name).expanduser().is_dir() else name


def _here(name: str) -> Path | None:
    """The folder of a model that is on this machine already."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    try:
        from huggingface_hub import snapshot_download

        repository, _, revision = name.partition("@")
        return Path(snapshot_download(repository, revision=revision or None, local_files_only=True))
    except Exception:  # the hub's own errors, and of a name that is none: it is not here
        return None


def _tiny(recipe: Recipe, work: Work, *, make: bool) -> Base:
    texts = rehearsal_texts(recipe)
    digest = tiny_digest(texts, recipe.seed)
    folder = work.place("base", TINY, digest)
    if make and not folder.is_dir():
        make_tiny(folder, texts, recipe.seed)
    return Base(TINY, digest, folder if folder.is_dir() else None, tiny_parameters())


def rehearsal_texts(recipe: Recipe) -> list[str]:
    """The texts of all rows that a rehearsal trains on, for its tokenizer.

    Raises:
        DataError: a file of them can't be read.
    """
    texts: list[str] = []
    for stage in recipe.stages.values():
        for source in stage.corpus.sources if stage.corpus else ():
            path = Path(source.path or "")
            if path.suffix != ".jsonl" or not path.is_file():
                continue
            try:
                rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
            except ValueError as error:
                raise DataError(f"{path} is no JSON Lines file") from error
            texts += [value for row in rows for value in row.values() if isinstance(value, str)]
    return texts
