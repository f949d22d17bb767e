"""Task arithmetic: theta_0 + lambda sum of w_k (theta_k - theta_0)."""

from __future__ import annotations

from clueplus.training.merging.methods.combine import combine, weights
from clueplus.training.merging.operands import Merged, Operands


def task_arithmetic(operands: Operands) -> Merged:
    """The base plus the weighted differences of the experts (Ilharco et al. 2023)."""
    scaled = [operands.factor * weight for weight in weights(operands)]
    return combine(operands, scaled, origin=1.0 - sum(scaled))
