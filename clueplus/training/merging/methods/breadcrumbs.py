"""Model breadcrumbs: neither the largest entries of a difference nor the small ones."""

from __future__ import annotations

from clueplus.training.merging.methods.deltas import Join, elect, is_whole, sum_up, whole
from clueplus.training.merging.methods.trim import merge_trimmed
from clueplus.training.merging.operands import Merged, Operands


def breadcrumbs(operands: Operands) -> Merged:
    """Removes the `gamma` largest and then the smallest, so that `density` is kept; sums (Davari & Belilovsky 2023)."""
    return _merge(operands, sum_up)


def breadcrumbs_ties(operands: Operands) -> Merged:
    """As `breadcrumbs`, with signs elected as in TIES before the sum."""
    return _merge(operands, elect)


def _merge(operands: Operands, join: Join) -> Merged:
    return whole(operands) if is_whole(operands) else merge_trimmed(operands, join)
