"""Linear: sum of w_k theta_k / sum of w_k."""

from __future__ import annotations

from clueplus.training.merging.methods.combine import combine, weights
from clueplus.training.merging.operands import Merged, Operands


def linear(operands: Operands) -> Merged:
    """The weighted mean of the models; without `normalize` the weighted sum (Wortsman et al. 2022, model soups)."""
    return combine(operands, weights(operands))
