"""SLERP: along the great circle between the directions of two tensors."""

from __future__ import annotations

import math

from clueplus.training.merging.methods.combine import combine
from clueplus.training.merging.methods.gram import gram
from clueplus.training.merging.operands import Merged, Operands

# Above this cosine sin(theta) is too small to divide by, and the arc is its chord (Shoemake 1985 leaves it open where).
PARALLEL = 0.9995


class DirectionError(ValueError):
    """Two tensors point in opposite directions, so that no shortest arc exists between them."""


def slerp(operands: Operands) -> Merged:
    """sin((1-t) theta)/sin(theta) base + sin(t theta)/sin(theta) expert, theta the angle between the flat tensors.

    Raises:
        DirectionError: the tensors are antiparallel (cosine below -0.9995).
    """
    t = operands.t
    products = gram([operands.origin, operands.experts[0].tensor])
    length = math.sqrt(products[0][0] * products[1][1])
    if length == 0:
        return _line(operands, "linear: a tensor is zero")
    cosine = max(-1.0, min(1.0, products[0][1] / length))
    if cosine < -PARALLEL:
        raise DirectionError(f"the two tensors are antiparallel (cosine {cosine:.5f}), so there is no arc between them")
    if cosine > PARALLEL:
        return _line(operands, None)
    angle = math.acos(cosine)
    return combine(
        operands,
        [math.sin(t * angle) / math.sin(angle)],
        origin=math.sin((1 - t) * angle) / math.sin(angle),
    )


def _line(operands: Operands, rule: str | None) -> Merged:
    merged = combine(operands, [operands.t], origin=1 - operands.t)
    merged.rule = rule or "linear: parallel tensors"
    return merged
