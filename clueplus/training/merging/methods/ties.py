"""TIES: trim, elect sign, merge."""

from __future__ import annotations

from dataclasses import replace

from clueplus.training.merging.methods.deltas import elect, is_whole, whole
from clueplus.training.merging.methods.trim import merge_trimmed
from clueplus.training.merging.operands import Merged, Operands


def ties(operands: Operands) -> Merged:
    """Trims differences to their `density` largest entries, elects signs, averages what agrees (Yadav et al. 2023)."""
    if is_whole(operands):
        return whole(operands)
    return merge_trimmed(replace(operands, experts=[replace(expert, gamma=0.0) for expert in operands.experts]), elect)
