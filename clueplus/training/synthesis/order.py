"""What a synthesis is asked for, and where it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from clueplus.evaluation.options import Options
from clueplus.evaluation.options import Reporter as ServingReporter
from clueplus.training.synthesis.blocks import ROWS
from clueplus.training.synthesis.calls import Stage
from clueplus.training.synthesis.recipe import Recipe
from clueplus.training.synthesis.tally import Price, Tally


@dataclass(frozen=True)
class Order:
    """What `synth run` is asked for: rows of a recipe, written by `model` and judged by `judge` (None: the same).

    Of both options, those that say which model answers and how are used. `block` is the rows of a block.
    """

    recipe: Recipe
    rows: int
    out: Path
    model: Options
    judge: Options | None = None
    seed: int = 1234
    prices: Mapping[Stage, Price] = field(default_factory=dict)
    block: int = ROWS


@dataclass
class Progress:
    """Where a run stands: rows that were finished before, what this run adds, answers asked now, and failures."""

    wanted: int
    prices: Mapping[Stage, Price] = field(default_factory=dict)
    before: int = 0
    tally: Tally = field(default_factory=Tally)
    asked: int = 0
    tokens: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    failed_rows: int = 0
    seconds: float = 0.0

    @property
    def cost(self) -> float | None:
        """What all rows so far cost; None where no price is known."""
        return self.tally.cost(self.prices)

    @property
    def done(self) -> int:
        """Rows that are finished."""
        return self.tally.rows

    def add(self, other: Progress) -> None:
        """Adds what other workers did meanwhile."""
        self.before += other.before
        self.tally.add(other.tally)
        self.asked += other.asked
        self.tokens += other.tokens
        self.failures += other.failures
        self.failed_rows += other.failed_rows

    def session(self) -> dict[str, Any]:
        """What this run did, for rates."""
        return {
            "rows": self.done - self.before,
            "answers": self.asked,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 3),
            "failures": dict(self.failures.most_common()),
        }


class Reporter(ServingReporter, Protocol):
    """What hears of a run's progress."""

    def rows(self, state: Progress) -> None:
        """One more row is finished, or failed."""
