"""What a training leaves behind, and who hears of its progress."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol


class Progress(NamedTuple):
    """Where a training stands. `mfu` is the share of the device's peak that is used, None where the peak is unknown."""

    step: int
    steps: int
    loss: float | None
    tokens: int
    tokens_per_second: float | None
    mfu: float | None
    seconds_left: float | None


class Reporter(Protocol):
    """What hears of a training's progress."""

    def note(self, text: str) -> None:
        """One line worth knowing."""

    def progress(self, state: Progress) -> None:
        """A step is done."""


class Trained(NamedTuple):
    """A finished training.

    Attributes:
        steps: optimiser steps, over all phases.
        tokens: tokens that were seen; `trained_tokens`: those that a loss was taken of.
        losses: first and last training loss of each phase, and held-out losses before and after where there is a split.
        truncation: rows that lost tokens, and how many, by what lost them.
        facts: whatever else the lineage should tell (device, dtype, launch, seconds), as JSON values.
    """

    steps: int
    tokens: int
    trained_tokens: int
    losses: dict[str, float]
    truncation: dict[str, int]
    facts: dict[str, Any]
