"""What came of rows: how many, why others not, how many tokens, what they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from clueplus.models import Answer
from clueplus.training.synthesis.calls import Stage
from clueplus.training.synthesis.row import NO_PAIR, Row


class Price(BaseModel):
    """Of a million tokens, in whatever currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: float
    completion: float


class Usage(BaseModel):
    """Answers, and their tokens; `untold` answers came without a count of tokens."""

    model_config = ConfigDict(extra="forbid")

    answers: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    untold: int = 0

    def add(self, answer: Answer) -> None:
        """Counts one answer."""
        self.answers += 1
        if answer.prompt_tokens is None or answer.completion_tokens is None:
            self.untold += 1
        self.prompt_tokens += answer.prompt_tokens or 0
        self.completion_tokens += answer.completion_tokens or 0

    def cost(self, price: Price | None) -> float | None:
        """What the tokens cost; None where a price or a count is not known."""
        if price is None or self.untold:
            return None
        return (self.prompt_tokens * price.prompt + self.completion_tokens * price.completion) / 1e6


class Tally(BaseModel):
    """Counts of finished rows; sums of tallies are tallies.

    Every row of `rows` is in `kept` or, by its reason, in `rejected_rows`; every pair of a row that could be read is in
    `pairs` or in `rejected_pairs`. `unscored` pairs are kept without scores, because fewer than half of the
    judge's answers could be read; `unreadable_scores` are these answers.
    """

    model_config = ConfigDict(extra="forbid")

    rows: int = 0
    kept: int = 0
    pairs: int = 0
    unscored: int = 0
    rejected_rows: Counter[str] = Field(default_factory=Counter)
    rejected_pairs: Counter[str] = Field(default_factory=Counter)
    unreadable_scores: Counter[str] = Field(default_factory=Counter)
    usage: dict[Stage, Usage] = Field(default_factory=dict)

    def used(self, stage: Stage, answer: Answer) -> None:
        """Counts an answer of a stage."""
        self.usage.setdefault(stage, Usage()).add(answer)

    def count(self, row: Row) -> None:
        """Counts a finished row; its answers are counted one by one (`used`)."""
        self.rows += 1
        if isinstance(row.candidate, str):
            self.rejected_rows[row.candidate] += 1
            return
        if row.candidate.examples:
            self.kept += 1
        else:
            self.rejected_rows[NO_PAIR] += 1
        self.pairs += len(row.candidate.examples)
        self.rejected_pairs.update(row.candidate.rejected)
        for scores in row.scores.values():
            self.unscored += scores.means is None
            self.unreadable_scores.update(scores.unreadable)

    def add(self, other: Tally) -> None:
        """Adds another tally to this one."""
        self.rows += other.rows
        self.kept += other.kept
        self.pairs += other.pairs
        self.unscored += other.unscored
        self.rejected_rows += other.rejected_rows
        self.rejected_pairs += other.rejected_pairs
        self.unreadable_scores += other.unreadable_scores
        for stage, usage in other.usage.items():
            mine = self.usage.setdefault(stage, Usage())
            for name in Usage.model_fields:
                setattr(mine, name, getattr(mine, name) + getattr(usage, name))

    def cost(self, prices: Mapping[Stage, Price]) -> float | None:
        """What all stages cost; None where it is not known of one of them."""
        costs = [usage.cost(prices.get(stage)) for stage, usage in self.usage.items()]
        return None if None in costs or not costs else sum(cost for cost in costs if cost is not None)

    def record(self) -> dict[str, Any]:
        """The counts as plain values, reasons by their frequency."""
        found = self.model_dump(mode="json")
        for name in ("rejected_rows", "rejected_pairs", "unreadable_scores"):
            found[name] = dict(sorted(found[name].items(), key=lambda item: (-item[1], item[0])))
        return found
