"""A weighted sum of whole tensors: what linear, slerp, multislerp and task arithmetic come down to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clueplus.training.merging.operands import Merged, Operands, compute

if TYPE_CHECKING:
    from torch import Tensor


def combine(operands: Operands, coefficients: Sequence[float], origin: float = 0.0) -> Merged:
    """Origin x base + sum of coefficient x expert.

    Written as c x reference + sum of c_k (tensor_k - reference), where the reference has the largest coefficient: so
    entries that are equal in all models stay as they are, bit for bit but for the sign of a zero, and a sole model of
    coefficient 1 is copied.
    """
    terms: list[tuple[float, Tensor]] = [
        (weight, expert.tensor) for weight, expert in zip(coefficients, operands.experts, strict=True)
    ]
    if origin:
        terms.insert(0, (origin, operands.origin))
    tensor = max(terms, key=lambda term: abs(term[0]))[1]
    others = [(weight, other.reshape(-1)) for weight, other in terms if weight and other is not tensor]
    reference, total = tensor.reshape(-1), sum(weight for weight, _ in terms)

    def part_of(part: slice) -> Tensor:
        start = reference[part].float()
        result = start * total
        for weight, other in others:
            result.add_(other[part].to(start.dtype, copy=True).sub_(start), alpha=weight)
        return result

    return compute(operands, part_of)


def weights(operands: Operands) -> list[float]:
    """The experts' weights, divided by their sum where that is asked for."""
    given = [expert.weight for expert in operands.experts]
    total = sum(given)
    return [weight / total for weight in given] if operands.normalize else given
