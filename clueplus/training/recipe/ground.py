"""Everything that a recipe stands on, found on this machine."""

from __future__ import annotations

from clueplus.data import Library
from clueplus.registry import Catalog
from clueplus.training.recipe.base import find_base
from clueplus.training.recipe.outside import Surroundings
from clueplus.training.recipe.spec import Recipe
from clueplus.training.recipe.state import Ground
from clueplus.training.recipe.work import Work


def stand(recipe: Recipe, work: Work, *, fetch: bool = False) -> Ground:
    """What `recipe` stands on here.

    Args:
        recipe: a real one, or one that is rehearsed.
        work: its folder.
        fetch: whether to download the base, or to make it, where it is not here.

    Raises:
        ClueplusError: no model is called like the base, it can't be had, or a mirror is named that is none.
    """
    catalog = Catalog()
    base = find_base(recipe, work, catalog, fetch=fetch)
    return Ground(recipe, work, base, Surroundings(recipe, work, catalog, Library.here()))
