"""What `training/<name>.yaml` declares: a graph of stages, from corpora to an aligned model that was judged."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from clueplus.errors import did_you_mean
from clueplus.training.corpora.spec import Source
from clueplus.training.recipe.blocks import BASE, Input, Stage
from clueplus.training.spec import Strict, Training, unknown_key

_NAME = r"^[a-z0-9][a-z0-9._-]*$"


class Rehearsal(Strict):
    """What a rehearsal changes, beside the base.

    Attributes:
        expert: settings of every phase of every expert.
        align: settings of every alignment.
        evaluate: keys of every evaluation.
        corpora: sources by stage; their paths are relative to the recipe's folder.
        stages: keys of single stages, after all of the above; what is no mapping is replaced whole.
    """

    expert: dict[str, Any] = Field(default_factory=dict)
    align: dict[str, Any] = Field(default_factory=dict)
    evaluate: dict[str, Any] = Field(default_factory=dict)
    corpora: dict[str, tuple[Source, ...]] = Field(default_factory=dict)
    stages: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @field_validator("expert", "align")
    @classmethod
    def _settings(cls, given: dict[str, Any]) -> dict[str, Any]:
        unknown = [key for key in given if key not in Training.model_fields]
        if unknown:
            known = set(Training.model_fields)
            faults: list[InitErrorDetails] = [
                {"type": unknown_key(key, known), "loc": (key,), "input": None} for key in unknown
            ]
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return given


class Recipe(Strict):
    """A graph of stages. `seed` is that of every stage that names none of its own.

    `base` is a name of `clueplus models list`, a checkpoint's folder, or a hub id. `launch` is a configuration of
    accelerate beside the recipe, for trainings on more than one device.
    """

    name: str = Field(pattern=_NAME)
    description: str
    base: str = Field(min_length=1)
    seed: int = Field(default=1234, ge=0)
    launch: str | None = None
    rehearsal: Rehearsal = Rehearsal()
    stages: dict[str, Stage] = Field(min_length=1)
    path: Path

    @field_validator("stages", mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        if isinstance(given, dict) and BASE in given:
            fault = _fault((BASE,), "no stage is called so: 'base' is the model that the recipe starts from")
            raise ValidationError.from_exception_data(cls.__name__, [fault])
        return given

    @model_validator(mode="before")
    @classmethod
    def _seeded(cls, data: Any) -> Any:
        """Gives the recipe's seed to every stage that names none."""
        if not isinstance(data, dict) or not isinstance(data.get("stages"), dict):
            return data
        seed = data.get("seed", cls.model_fields["seed"].default)
        stages = copy.deepcopy(data["stages"])
        for stage in stages.values():
            for settings in _with_seed(stage) if isinstance(stage, dict) else ():
                settings.setdefault("seed", seed)
        return {**data, "stages": stages}

    @model_validator(mode="after")
    def _whole_graph(self) -> Recipe:
        faults = [fault for name, stage in self.stages.items() for fault in self._faults(name, stage)]
        faults += [
            _fault(("rehearsal", part, name), f"no stage of this name; {did_you_mean(name, self.stages)}")
            for part in ("corpora", "stages")
            for name in getattr(self.rehearsal, part)
            if name not in self.stages
        ]
        if faults:
            raise ValidationError.from_exception_data(type(self).__name__, faults)
        self.order()
        return self

    def _faults(self, name: str, stage: Stage) -> Iterator[InitErrorDetails]:
        for given in stage.block.inputs():
            place = ("stages", name, stage.kind, *given.key)
            problem = self._problem(given)
            if problem:
                yield _fault(place, problem)

    def _problem(self, given: Input) -> str | None:
        """Why an input can't be meant, or None."""
        weights = given.kinds[0] not in ("corpus", "evaluate")
        if given.name == BASE:
            return None if weights else f"'base' is a model, and this is a stage of kind {given.kinds[0]}"
        fitting = [name for name, stage in self.stages.items() if stage.kind in given.kinds]
        if given.name not in self.stages:
            return f"no stage '{given.name}'; {did_you_mean(given.name, [*fitting, *([BASE] if weights else [])])}"
        kind = self.stages[given.name].kind
        if kind not in given.kinds:
            return f"the stage '{given.name}' is of kind {kind}, and this takes {' or '.join(given.kinds)}"
        return None

    def order(self) -> list[str]:
        """The names of the stages, each after those that it takes something from; else in the recipe's order."""
        done: dict[str, None] = {}
        for name in self.stages:
            self._visit(name, done, ())
        return list(done)

    def _visit(self, name: str, done: dict[str, None], path: tuple[str, ...]) -> None:
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            raise PydanticCustomError("cycle", "{text}", {"text": f"stages wait for each other: {circle}"})
        if name in done:
            return
        for needed in self.needs(name):
            self._visit(needed, done, (*path, name))
        done[name] = None

    def needs(self, name: str) -> list[str]:
        """The stages that a stage takes something from, each once."""
        return list(dict.fromkeys(one.name for one in self.stages[name].block.inputs() if one.name != BASE))

    def up_to(self, name: str) -> list[str]:
        """A stage and everything that it needs, in order."""
        done: dict[str, None] = {}
        self._visit(name, done, ())
        return list(done)

    def beside(self, file: str) -> Path:
        """A file that ships with the recipe."""
        return self.path.parent / file


def _fault(place: tuple[str | int, ...], text: str) -> InitErrorDetails:
    return {"type": PydanticCustomError("recipe", "{text}", {"text": text}), "loc": place, "input": None}


def _with_seed(stage: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a raw stage that take a seed."""
    expert, align = stage.get("expert"), stage.get("align")
    candidates = [stage.get("corpus"), stage.get("merge")]
    candidates += expert.get("phases") or [] if isinstance(expert, dict) else []
    candidates += [align.get("training")] if isinstance(align, dict) else []
    yield from (part for part in candidates if isinstance(part, dict))
