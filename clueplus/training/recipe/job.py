"""What a stage function is called with, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from clueplus.training.recipe.blocks import Kind, Stage
from clueplus.training.recipe.spec import Recipe
from clueplus.training.trained import Progress


class Reporter(Protocol):
    """What hears of a recipe's progress."""

    def note(self, text: str) -> None:
        """One line worth knowing."""

    def progress(self, state: Progress) -> None:
        """A step of a training is done."""

    def counted(self, what: str, done: int, total: int) -> None:
        """So many of something are done: tensors, answers."""

    def kept(self, name: str) -> None:
        """A stage is done already."""

    def started(self, name: str, kind: Kind, number: int, total: int) -> None:
        """A stage begins, the `number`th of `total`."""

    def finished(self, name: str, seconds: float, told: str) -> None:
        """A stage is whole; `told` says in a line what came out."""


@dataclass(frozen=True)
class Job:
    """One stage that is to be run.

    Attributes:
        base: the folder of the recipe's base, whose tokenizer counts tokens.
        inputs: the folder of each stage that it takes something from, and of `base` where it does.
        out: the folder that it fills, whole or not at all.
    """

    name: str
    stage: Stage
    recipe: Recipe
    base: Path
    inputs: Mapping[str, Path]
    out: Path
    reporter: Reporter


# Returns what the record of the stage tells of it, as JSON values.
Function = Callable[[Job], dict[str, Any]]
