"""What a release must keep: the policy file, typed; unknown keys are errors."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from clueplus.errors import ClueplusError
from clueplus.registry.yaml_file import read_yaml

Tier = Literal["critical", "supporting", "advisory"]
AVERAGE = "average"
DEFAULT_POLICY = Path(__file__).with_name("default.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TaskDefaults(_Strict):
    """What holds for every task that says nothing else. `margin` in points."""

    tier: Tier = "critical"
    margin: float = Field(default=2.0, gt=0, le=100)
    relative_floor: float | None = Field(default=None, gt=0, le=1)
    reason: str | None = Field(default=None, min_length=1)


class TaskOverride(_Strict):
    """What holds for one task; a key left out is that of `defaults`.

    `margin` and `floor` are points; `relative_floor` is the share of the baseline's score that must be kept;
    `declared_n` is the number of items behind a published score.
    """

    tier: Tier | None = None
    margin: float | None = Field(default=None, gt=0, le=100)
    relative_floor: float | None = Field(default=None, gt=0, le=1)
    floor: float | None = Field(default=None, ge=0, le=100)
    declared_n: int | None = Field(default=None, ge=2)
    reason: str | None = Field(default=None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_set_to_nothing(cls, value: object) -> object:
        # `margin:` without a number would otherwise be the default in silence.
        if isinstance(value, dict):
            for key, content in value.items():
                if content is None:
                    raise ValueError(f"'{key}' has no value: give one, or leave the key out")
        return value


class TaskPolicy(_Strict):
    """What holds for one task, resolved. `margin` and `floor` in points."""

    tier: Tier
    margin: float
    relative_floor: float | None = None
    floor: float | None = None
    declared_n: int | None = None


class Target(_Strict):
    """The candidate must score at least what a published row shows, on tasks or on the `average` of all of them."""

    at_least: str
    of: list[str] = Field(default=[AVERAGE], min_length=1)


class Limits(_Strict):
    """The most that may go wrong, in percent of a task's answers (`unpaired`: of its items); null is no limit."""

    infrastructure_errors: float | None = Field(default=1.0, ge=0, le=100)
    unscorable: float | None = Field(default=None, ge=0, le=100)
    unscorable_increase: float | None = Field(default=5.0, ge=0, le=100)
    unpaired: float | None = Field(default=1.0, ge=0, le=100)
    reason: str | None = Field(default=None, min_length=1)


class ZeroTolerance(_Strict):
    """Items of a task that must all be right, named by id or as groups of a breakdown ("error_type: [dose]").

    `max_rate`: the share of wrong answers, in [0, 1], that the exact upper bound must stay under; it asks for enough
    items. Without it, only the items named count.
    """

    task: str
    items: list[str] = []
    groups: dict[str, list[str]] = {}
    max_rate: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _something_named(self) -> ZeroTolerance:
        if not self.items and not any(self.groups.values()):
            raise ValueError("give 'items' or 'groups'")
        return self


class NoiseFloor(_Strict):
    """How far, in points, the score of one task moves when nothing was changed; `clueplus gate calibrate` writes it."""

    points: float = Field(ge=0, le=100)
    reason: str = Field(min_length=1)


class TemplateChange(_Strict):
    """Why two runs with different chat templates may be compared."""

    reason: str = Field(min_length=1)


class Policy(_Strict):
    """The whole file. `alpha` is one-sided; `macro_margin` in points; `reason` explains what is looser here."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    macro_margin: float = Field(default=1.0, gt=0, le=100)
    defaults: TaskDefaults = TaskDefaults()
    tasks: dict[str, TaskOverride] = {}
    targets: list[Target] = []
    limits: Limits = Limits()
    zero_tolerance: list[ZeroTolerance] = []
    noise: dict[str, NoiseFloor] = {}
    allow_template_change: TemplateChange | None = None
    reason: str | None = Field(default=None, min_length=1)
    path: Path

    def task(self, name: str) -> TaskPolicy:
        """What holds for the task `name`."""
        chosen = self.defaults.model_dump(exclude={"reason"})
        override = self.tasks.get(name, TaskOverride())
        chosen.update(override.model_dump(exclude={"reason"}, exclude_none=True))
        return TaskPolicy(**chosen)

    def noise_points(self, name: str) -> float:
        """The noise floor of the task `name` in points, 0 where none was measured."""
        return self.noise[name].points if name in self.noise else 0.0


def read_policy(path: Path | None = None, *, option: str = "--policy") -> Policy:
    """The policy in `path`, or the shipped one; `option` is what the user gave it with.

    Raises:
        ClueplusError: the file can't be read or is no policy; the message names the line.
    """
    if path is not None and not path.is_file():
        raise ClueplusError(f"{option} {path}: no such file", fix="give a policy file, or leave the option out")
    return read_yaml(path or DEFAULT_POLICY, Policy)
