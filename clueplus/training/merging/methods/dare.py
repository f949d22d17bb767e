"""DARE: drop entries of a difference at random and rescale the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clueplus.training.merging.methods.deltas import Join, elect, is_whole, merge_deltas, sum_up, whole
from clueplus.training.merging.noise import uniform
from clueplus.training.merging.operands import Merged, Operands

if TYPE_CHECKING:
    from torch import Tensor


def dare_linear(operands: Operands) -> Merged:
    """Keeps each entry with probability `density`, divides it by that, sums (Yu et al. 2024)."""
    return _merge(operands, sum_up)


def dare_ties(operands: Operands) -> Merged:
    """As `dare_linear`, with signs elected as in TIES before the sum."""
    return _merge(operands, elect)


def _merge(operands: Operands, join: Join) -> Merged:
    if is_whole(operands):
        return whole(operands)
    counts = [0] * len(operands.experts)

    def thin(number: int, delta: Tensor, part: slice) -> Tensor:
        expert = operands.experts[number]
        mask = uniform(expert.key, part, delta.device) < expert.density
        counts[number] += int(mask.sum())
        return delta.mul_(mask).div_(expert.density)

    merged = merge_deltas(operands, thin, join)
    merged.kept = [count / max(1, merged.tensor.numel()) for count in counts]
    return merged
