"""What methods share that thin out each expert's difference to the base and then put the differences together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from clueplus.training.merging.methods.task_arithmetic import task_arithmetic
from clueplus.training.merging.operands import Merged, Operands, compute

if TYPE_CHECKING:
    from torch import Tensor

# From an expert's number, its difference to the base (flat, fp32) and the part to that difference thinned out in place.
Thin = Callable[[int, "Tensor", slice], "Tensor"]
# From the thinned differences times their weights, and the weights, to one difference.
Join = Callable[["list[Tensor]", Sequence[float], bool], "Tensor"]


def merge_deltas(operands: Operands, thin: Thin, join: Join, *, whole_rows: bool = False) -> Merged:
    """Base + lambda x join of w_k x thin(delta_k), part by part."""
    weights = [expert.weight for expert in operands.experts]

    def part_of(part: slice) -> Tensor:
        base = operands.origin.reshape(-1)[part].float()
        deltas = [
            thin(number, operands.delta(number, part, base), part).mul_(weight) for number, weight in enumerate(weights)
        ]
        return join(deltas, weights, operands.normalize).mul_(operands.factor).add_(base)

    return compute(operands, part_of, whole_rows=whole_rows)


def sum_up(deltas: list[Tensor], weights: Sequence[float], average: bool) -> Tensor:
    """The sum of the weighted differences, divided by the weights' sum for the average."""
    total = deltas[0]
    for delta in deltas[1:]:
        total.add_(delta)
    return total.div_(sum(weights)) if average else total


def elect(deltas: list[Tensor], weights: Sequence[float], average: bool) -> Tensor:
    """What agrees with the sign of the sum, entry by entry: its sum, or its mean by weight (Yadav et al. 2023, TIES).

    Where the sum is zero no sign is elected, and the entry is zero. Masks are numbers, 0 and 1: arithmetic with them
    takes a tenth of the time of a choice entry by entry.
    """
    import torch

    sign = sum_up([deltas[0].clone(), *deltas[1:]], weights, average=False).sign_()
    agreed, support = torch.zeros_like(sign), torch.zeros_like(sign)
    for delta, weight in zip(deltas, weights, strict=True):
        size = delta.mul_(sign).clamp_(min=0)
        agreed.add_(size)
        if average:
            support.add_(size.sign_(), alpha=weight)
    if average:
        agreed.div_(support.clamp_(min=torch.finfo(support.dtype).tiny))
    return agreed.mul_(sign)


def is_whole(operands: Operands) -> bool:
    """Whether one expert alone takes part, kept whole: then there is nothing to trim, to drop, or to elect."""
    active = [expert for expert in operands.experts if expert.weight]
    return len(active) == 1 and active[0].density == 1


def whole(operands: Operands) -> Merged:
    """The merge of one whole expert: every method that works on differences is task arithmetic then."""
    merged = task_arithmetic(operands)
    merged.kept = [1.0] * len(operands.experts)
    return merged
