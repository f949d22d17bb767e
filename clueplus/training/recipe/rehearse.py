"""The recipe that a rehearsal runs: the same graph, with what its `rehearsal` block changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from clueplus.errors import ClueplusError
from clueplus.training.recipe.spec import Recipe

TINY = "rehearsal"


def rehearsed(recipe: Recipe) -> Recipe:
    """`recipe` as it is rehearsed: in this process, on a base that is made here.

    Raises:
        ClueplusError: a stage with the changes of the rehearsal is none.
    """
    changes = recipe.rehearsal
    data = recipe.model_dump(mode="json", exclude={"path"})
    for name, stage in data["stages"].items():
        kind = recipe.stages[name].kind
        block = stage[kind]
        stage.clear()
        if kind == "expert":
            block["phases"] = [{**phase, **changes.expert} for phase in block["phases"]]
        elif kind == "align":
            block["training"].update(changes.align)
        elif kind == "evaluate":
            block.update(changes.evaluate)
        elif name in changes.corpora:
            block["sources"] = [_located(source.model_dump(), recipe) for source in changes.corpora[name]]
        stage[kind] = _merged(block, changes.stages.get(name, {}))
    try:
        return Recipe.model_validate({**data, "base": TINY, "launch": None, "path": recipe.path})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise ClueplusError(
            f"{recipe.path}: in a rehearsal, {where}: {fault['msg']}", fix="change the recipe's rehearsal block"
        ) from error


def _located(source: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    if source["path"] is not None and not Path(source["path"]).is_absolute():
        source["path"] = str(recipe.beside(source["path"]))
    return source


def _merged(block: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`block` with `changes`, key by key in nested mappings."""
    merged = dict(block)
    for key, value in changes.items():
        inner = merged.get(key)
        merged[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged
