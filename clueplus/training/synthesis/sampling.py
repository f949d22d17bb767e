"""Draws: what row number i asks for depends on the seed and on i alone, so rows can be made in any order, anywhere."""

from __future__ import annotations

from bisect import bisect
from hashlib import sha256
from itertools import accumulate
from typing import Any

from clueplus.training.synthesis.recipe import WHOLE, Recipe, Sampled

Draw = dict[str, Any]


def draw(recipe: Recipe, seed: int, row: int) -> Draw:
    """The sampled columns of a row, and "pairs", the number of examples that it asks for.

    Every column has its own stream of random numbers, so that a new column leaves the others as they are.
    """
    found: Draw = {}
    for name, column in recipe.sampled.items():
        number = uniform(seed, row, name)
        if column.nested:
            parent, part = _leaf(column, number)
            assert column.parent is not None
            found[column.parent] = parent
            found[name] = parent if part == WHOLE else f"{parent}: {part}"
        else:
            found[name] = _value(column, number)
    low, high = recipe.generated.pairs
    found["pairs"] = low + int(uniform(seed, row, "pairs") * (high - low + 1))
    return found


def uniform(*parts: object) -> float:
    """A number in [0, 1) made of `parts`: the same on every machine, without a generator that must be passed on."""
    return integer(*parts) / 2**53


def integer(*parts: object) -> int:
    """A whole number in [0, 2^53) made of `parts`."""
    digest = sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 11


def request_seed(*parts: object) -> int:
    """The seed that a request carries: servers take 31 bits."""
    return integer(*parts) & 0x7FFFFFFF


def _leaf(column: Sampled, number: float) -> tuple[str, str]:
    leaves = column.leaves
    return leaves[int(number * len(leaves))]


def _value(column: Sampled, number: float) -> Any:
    if not column.weights:
        return column.values[int(number * len(column.values))]
    ends = [*accumulate(column.weights)]
    return column.values[min(bisect(ends, number * ends[-1]), len(ends) - 1)]
