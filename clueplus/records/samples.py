"""Texts of items that anybody may read: what a sample viewer shows. They are no part of a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clueplus.records.run import Outcome
from clueplus.registry import Tier, VariantName


@dataclass(frozen=True)
class Sample:
    """One answer. `prompt` is what was asked after `TaskSamples.shared`; `score` the mean of the item's components."""

    index: int
    sample: int
    id: str
    prompt: str
    answer: str | None
    reference: str
    outcome: Outcome
    score: float | None
    truncated: bool


@dataclass(frozen=True, repr=False)
class TaskSamples:
    """The answers of a run to one task whose documents may be redistributed.

    `shared` is what all prompts begin with: the few-shot examples.
    """

    task: str
    variant: VariantName
    tier: Tier
    licence: str
    shared: str
    samples: Sequence[Sample]
