"""DELLA: drop entries of a difference at random, small ones more often, and rescale the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clueplus.training.merging.methods.deltas import elect, is_whole, merge_deltas, whole
from clueplus.training.merging.noise import uniform
from clueplus.training.merging.operands import Merged, Operands

if TYPE_CHECKING:
    from torch import Tensor


def della(operands: Operands) -> Merged:
    """Keeps each entry with a probability that grows linearly with its rank in its row, divides it by that probability.

    The smallest entry of a row has probability density - epsilon, the largest density + epsilon; equal entries rank by
    their order; the entry of a one-element row is always kept. Then signs are elected (Deep et al. 2024).
    """
    if is_whole(operands):
        return whole(operands)
    length = operands.rows[1]
    counts = [0] * len(operands.experts)

    def thin(number: int, delta: Tensor, part: slice) -> Tensor:
        expert = operands.experts[number]
        chance = _chances(delta.abs().reshape(-1, length), expert.density, expert.epsilon).reshape(-1)
        mask = uniform(expert.key, part, delta.device) < chance
        counts[number] += int(mask.sum())
        return delta.mul_(mask).div_(chance)

    merged = merge_deltas(operands, thin, elect, whole_rows=True)
    merged.kept = [count / max(1, merged.tensor.numel()) for count in counts]
    return merged


def _chances(magnitude: Tensor, density: float, epsilon: float) -> Tensor:
    """The keep probability of each entry of (rows, length) magnitudes."""
    import torch

    length = magnitude.shape[1]
    if length == 1:
        return torch.ones_like(magnitude)
    order = magnitude.argsort(dim=1, stable=True)
    steps = torch.linspace(density - epsilon, density + epsilon, length, device=magnitude.device)
    return torch.empty_like(magnitude).scatter_(1, order, steps.expand_as(order))
