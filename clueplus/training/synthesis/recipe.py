"""What is synthesised: a recipe of columns, typed by how each comes about."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from clueplus.errors import ClueplusError, did_you_mean
from clueplus.files import sha256
from clueplus.registry.catalog import content_folder
from clueplus.registry.yaml_file import read_yaml
from clueplus.training.spec import Strict
from clueplus.training.synthesis.prompts import unknown_variables

Value = str | int | float
TEXTS = ("instruction", "input", "output")
# MediFlow's columns that are drawn; the texts and the judge's scores are the others.
LABELS = ("task_type", "input_data", "output_format", "difficulty_level")
FORMATS = ("plain_text", "json")
# The sentence piece that names a whole document among its sections.
WHOLE = "whole document"


class Sampled(Strict):
    """A column that is drawn: one of `values` by `weights` (equal where there are none), or one leaf of `nested`.

    `nested` maps a name to its parts; every part has the same chance, and the name becomes the column `parent`.
    """

    values: tuple[Value, ...] = ()
    weights: tuple[float, ...] = ()
    nested: dict[str, tuple[str, ...]] = Field(default={})
    parent: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Sampled:
        if bool(self.values) == bool(self.nested):
            raise ValueError("give 'values' or 'nested', with at least one entry")
        if self.nested and (self.parent is None or not all(self.nested.values())):
            raise ValueError("'nested' needs 'parent', the name of the column above it, and no empty entry")
        if self.weights and (len(self.weights) != len(self.values) or not all(weight > 0 for weight in self.weights)):
            raise ValueError("'weights' needs one number above 0 for each of 'values'")
        return self

    @property
    def leaves(self) -> list[tuple[str, str]]:
        """Each part of `nested` with the name above it."""
        return [(name, part) for name, parts in self.nested.items() for part in parts]


class Asked(Strict):
    """What every column has that a model writes."""

    prompt: str = Field(min_length=1)
    max_tokens: int = Field(ge=16)


class Generated(Asked):
    """One call: an instruction with as many input/output pairs as drawn from `pairs`, both ends included.

    `temperature` is a number or the name of a sampled column.
    """

    temperature: float | str = 1.0
    pairs: tuple[int, int] = (3, 4)

    @model_validator(mode="after")
    def _in_order(self) -> Generated:
        if not 1 <= self.pairs[0] <= self.pairs[1] <= 16:
            raise ValueError("'pairs' needs two numbers from 1 to 16, the lower one first")
        return self


class Judged(Asked):
    """Scores: `samples` answers a pair, each a whole number from `lowest` to `highest` for every criterion.

    `criteria` maps names, which become columns, to what they mean.
    """

    criteria: dict[str, str] = Field(min_length=1)
    samples: int = Field(default=5, ge=1, le=64)
    temperature: float = Field(default=1.0, ge=0)
    lowest: int = 1
    highest: int = 4

    @model_validator(mode="after")
    def _is_a_scale(self) -> Judged:
        if self.lowest >= self.highest:
            raise ValueError("'lowest' must be below 'highest'")
        return self


class Checked(Strict):
    """Rules that every text must pass: its language (None for any) and, by column, the fewest and most characters."""

    language: Literal["en"] | None = "en"
    characters: dict[Literal["instruction", "input", "output"], tuple[int, int]] = Field(default={})


class Share(Strict):
    """So many of the best instructions get so many preference pairs each."""

    instructions: int = Field(ge=1)
    pairs: int = Field(ge=1)


class Corrupted(Asked):
    """A rejected answer with one error of `error_types`, which maps names to what they mean.

    `length_ratio` bounds the length of a rejected answer over that of the chosen one. `shares` say how many pairs the
    best of `instructions` get; both are scaled down together.
    """

    error_types: dict[str, str] = Field(min_length=1)
    temperature: float = Field(default=1.0, ge=0)
    length_ratio: tuple[float, float] = (0.5, 2.0)
    instructions: int = Field(ge=1)
    shares: tuple[Share, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _adds_up(self) -> Corrupted:
        if sum(share.instructions for share in self.shares) != self.instructions:
            raise ValueError("the instructions of 'shares' must sum to 'instructions'")
        if not 0 < self.length_ratio[0] <= 1 <= self.length_ratio[1]:
            raise ValueError("'length_ratio' needs a number up to 1 and one from 1")
        return self


class Recipe(Strict):
    """A whole recipe; `source` says where its lists are from."""

    path: Path = Field(exclude=True, default=Path())
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    version: int = Field(ge=1)
    source: str
    sampled: dict[str, Sampled]
    generated: Generated
    checked: Checked = Checked()
    judged: Judged | None = None
    corrupted: Corrupted | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Recipe:
        missing = [name for name in LABELS if name not in self.sampled]
        if missing:
            raise ValueError(f"'sampled' lacks {', '.join(missing)}")
        formats = self.sampled["output_format"].values
        if not formats or not set(formats) <= set(FORMATS):
            raise ValueError(f"'output_format' can be {' or '.join(FORMATS)}")
        temperature = self.generated.temperature
        if isinstance(temperature, str) and not self._numbers(temperature):
            raise ValueError(f"'generated.temperature' names no sampled column of numbers: {temperature}")
        if self.judged and (taken := {*self.judged.criteria} & {*TEXTS, *LABELS, "provenance"}):
            raise ValueError(f"a criterion can't be called {', '.join(sorted(taken))}")
        self._know_their_variables()
        return self

    def _numbers(self, column: str) -> bool:
        values = self.sampled[column].values if column in self.sampled else ()
        return bool(values) and all(isinstance(value, int | float) for value in values)

    def _know_their_variables(self) -> None:
        parents = [column.parent for column in self.sampled.values() if column.parent]
        drawn = {*self.sampled, *parents}
        judge = {"criteria", "lowest", "highest"}
        for name, asked, known in (
            ("generated", self.generated, drawn | {"pairs"}),
            ("judged", self.judged, {*LABELS, *TEXTS} | judge),
            ("corrupted", self.corrupted, {*LABELS, *TEXTS, "error_type", "error_meaning"}),
        ):
            unknown = unknown_variables(asked.prompt, known) if asked else []
            if unknown:
                hint = did_you_mean(unknown[0], known)
                raise ValueError(f"the prompt of '{name}' uses {unknown[0]}, which nothing gives ({hint})")

    def digest(self, parts: Iterable[str] | None = None) -> str:
        """The sha256 of the recipe, or of some parts of it ("generated", "judged").

        The order of lists and mappings counts: draws depend on it.
        """
        included = {"name", *parts} if parts is not None else None
        return sha256(json.dumps(self.model_dump(mode="json", include=included), ensure_ascii=False))


def find_recipe(name: str) -> Path:
    """The file of a recipe: a path, or the name of a shipped one.

    Raises:
        ClueplusError: there is none.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return path
    shipped = recipe_names()
    if name not in shipped:
        raise ClueplusError(f"no recipe is called '{name}'", fix=did_you_mean(name, shipped))
    return _folder() / f"{name}.yaml"


def recipe_names() -> list[str]:
    """The shipped recipes."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def read_recipe(name: str) -> Recipe:
    """The recipe at a path, or a shipped one by its name.

    Raises:
        ClueplusError: it is not there or has a fault; the message names the file and the line.
    """
    return read_yaml(find_recipe(name), Recipe)


def _folder() -> Path:
    return content_folder("training") / "synthesis"
