"""Recipes by name or by file."""

from __future__ import annotations

from pathlib import Path

from clueplus.errors import ClueplusError, did_you_mean
from clueplus.registry.catalog import content_folder
from clueplus.registry.yaml_file import read_yaml
from clueplus.training.recipe.rehearse import TINY
from clueplus.training.recipe.spec import Recipe


def recipe_names() -> list[str]:
    """The recipes that clueplus ships."""
    return sorted(path.stem for path in content_folder("training").glob("*.yaml"))


def recipe_file(name: str) -> Path:
    """The file of a recipe, given by its file or by the name of one that ships.

    Raises:
        ClueplusError: there is none; the message suggests near names.
    """
    path = Path(name)
    if path.is_file():
        return path
    names = recipe_names()
    if path.suffix not in (".yaml", ".yml") and "/" not in name:
        if name in names:
            return content_folder("training") / f"{name}.yaml"
        raise ClueplusError(f"unknown recipe '{name}'", fix=f"{did_you_mean(name, names)} Or give a YAML file")
    raise ClueplusError(f"{name}: no such file", fix=f"give a recipe's file, or a name: {', '.join(names)}")


def read_recipe(name: str) -> Recipe:
    """The recipe of a name or a file.

    Raises:
        ClueplusError: there is none, or the file has a fault; the message names file and line.
    """
    recipe = read_yaml(recipe_file(name), Recipe)
    if recipe.base == TINY:
        raise ClueplusError(
            f"{recipe.path}: base: '{TINY}' is the model that --rehearse makes", fix="name the base of a real run"
        )
    return recipe
