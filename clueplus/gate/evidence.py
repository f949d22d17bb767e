"""What is known of one difference, in numbers: what a decision is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clueplus.gate.verdict import EvidenceKind


@dataclass(frozen=True)
class Evidence:
    """The candidate less the baseline on one task, or on the mean over tasks; fractions of 1.

    `low` and `high` are one-sided bounds at the policy's alpha and `p` is that of "no worse than the baseline"; where
    they are None, `reason` says why. The other fields are those of `verdict.Difference`.
    """

    kind: EvidenceKind = "paired items"
    baseline: float | None = None
    candidate: float | None = None
    difference: float | None = None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    low_bootstrap: float | None = None
    p: float | None = None
    pairs: int | None = None
    clusters: int | None = None
    unpaired: int | None = None
    power: float | None = None
    detectable: float | None = None
    needed: int | None = None
    work: str | None = None
    advice: str | None = None
    reason: str | None = None


def mean_of(values: Sequence[float | None]) -> float | None:
    """The mean, None as soon as one is missing."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
