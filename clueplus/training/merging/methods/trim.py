"""Keeping the largest entries of a difference, but for outliers: over a tensor, a row, or the whole model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from clueplus.training.merging.methods.deltas import Join, merge_deltas
from clueplus.training.merging.operands import Merged, Operands
from clueplus.training.merging.select import (
    NONE,
    SAMPLE,
    Keeper,
    kept_count,
    largest,
    largest_in_rows,
    outlier_count,
)

if TYPE_CHECKING:
    from torch import Tensor


def merge_trimmed(operands: Operands, join: Join) -> Merged:
    """Keeps `density` of each difference below the `gamma` largest, then joins; exactly, whatever the size."""
    return _by_rows(operands, join) if operands.scope == "row" else _by_cuts(operands, join)


def _by_cuts(operands: Operands, join: Join) -> Merged:
    keepers = [_keepers(operands, number) for number in range(len(operands.experts))]

    def thin(number: int, delta: Tensor, part: slice) -> Tensor:
        kept, removed = keepers[number]
        magnitude = delta.abs()
        mask = kept.mask(magnitude)
        if removed is not None:
            mask.sub_(removed.mask(magnitude))
        return delta.mul_(mask)

    merged = merge_deltas(operands, thin, join)
    total = max(1, merged.tensor.numel())
    merged.kept = [(kept.count - (removed.count if removed else 0)) / total for kept, removed in keepers]
    return merged


def _keepers(operands: Operands, number: int) -> tuple[Keeper, Keeper | None]:
    expert = operands.experts[number]
    if expert.top is not None and expert.outliers is not None:
        top, outliers = expert.top, expert.outliers
    else:
        total = expert.tensor.numel()
        kept = kept_count(expert.density, total)
        removed = outlier_count(expert.gamma, kept, total)
        sample = sample_magnitudes(operands, number, SAMPLE)

        def parts() -> Iterator[Tensor]:
            return magnitudes(operands, number)

        top = largest(parts, sample, kept + removed, total)
        outliers = largest(parts, sample, removed, total)
    return Keeper(top), (None if outliers == NONE else Keeper(outliers))


def magnitudes(operands: Operands, number: int) -> Iterator[Tensor]:
    """|expert - base| in flat parts."""
    for part in operands.parts():
        yield operands.delta(number, part).abs_()


def sample_magnitudes(operands: Operands, number: int, most: int) -> Tensor:
    """At most about `most` of |expert - base|, at odd steps, so that a row's length seldom divides them."""
    total = operands.origin.numel()
    step = (total // most) | 1
    return operands.delta(number, slice(0, total, step)).abs_()


def _by_rows(operands: Operands, join: Join) -> Merged:
    length = operands.rows[1]
    counts = [0] * len(operands.experts)

    def thin(number: int, delta: Tensor, part: slice) -> Tensor:
        expert = operands.experts[number]
        kept = kept_count(expert.density, length)
        removed = outlier_count(expert.gamma, kept, length)
        magnitude = delta.abs().reshape(-1, length)
        mask = largest_in_rows(magnitude, kept + removed)
        if removed:
            mask &= ~largest_in_rows(magnitude, removed)
        counts[number] += int(mask.sum())
        return delta.mul_(mask.reshape(-1))

    merged = merge_deltas(operands, thin, join, whole_rows=True)
    merged.kept = [count / max(1, merged.tensor.numel()) for count in counts]
    return merged
