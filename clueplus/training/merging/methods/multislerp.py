"""Multi-SLERP: a weighted mean of several directions on the sphere, at the weighted mean of their lengths."""

from __future__ import annotations

import math
from collections.abc import Sequence

from clueplus.training.merging.methods.combine import combine
from clueplus.training.merging.methods.gram import gram
from clueplus.training.merging.methods.slerp import DirectionError
from clueplus.training.merging.operands import Merged, Operands

_TINY = 1e-9


def multislerp(operands: Operands) -> Merged:
    """One step of the Karcher mean from the normalised mean direction m, scaled by the weighted mean length.

    With u_k the directions and theta_k their angles to m, the tangent step is v = sum of w_k theta_k / sin(theta_k)
    (u_k - cos(theta_k) m), and the result (cos|v| m + sin|v| v/|v|) sum of w_k |x_k|. All of it lies in the span of the
    tensors, so their scalar products are enough. With a base, x_k are the differences to it, and it is added again.

    Raises:
        DirectionError: the weighted directions cancel out.
    """
    total = sum(expert.weight for expert in operands.experts)
    weights = [expert.weight / total for expert in operands.experts]
    products = gram([expert.tensor for expert in operands.experts], operands.base)
    factors, rule = _factors(products, weights)
    origin = 1 - sum(factors) if operands.base is not None else 0.0
    merged = combine(operands, factors, origin=origin)
    merged.rule = rule
    return merged


def _factors(products: Sequence[Sequence[float]], weights: Sequence[float]) -> tuple[list[float], str | None]:
    """The coefficient of each tensor in the result, and the rule where a tensor without direction took part."""
    lengths = [math.sqrt(row[number]) for number, row in enumerate(products)]
    some = [number for number, length in enumerate(lengths) if length > 0 and weights[number]]
    if not some:
        return [0.0] * len(weights), "zero: no tensor has a direction"
    rule = None if len(some) == sum(map(bool, weights)) else "tensors that are zero have no direction"
    cosines = {(i, j): products[i][j] / (lengths[i] * lengths[j]) for i in some for j in some}

    def dot(left: dict[int, float], right: dict[int, float]) -> float:
        return sum(left[i] * right[j] * cosines[i, j] for i in some for j in some)

    mean = {i: weights[i] for i in some}
    size = math.sqrt(max(0.0, dot(mean, mean)))
    if size < _TINY:
        raise DirectionError("the weighted directions of the tensors cancel out, so they have no mean")
    mean = {i: value / size for i, value in mean.items()}
    step = dict.fromkeys(some, 0.0)
    for k in some:
        cosine = max(-1.0, min(1.0, dot({i: float(i == k) for i in some}, mean)))
        angle = math.acos(cosine)
        stretch = weights[k] * (angle / math.sin(angle) if 0 < math.sin(angle) > _TINY else 1.0)
        for i in some:
            step[i] += stretch * (float(i == k) - cosine * mean[i])
    reach = math.sqrt(max(0.0, dot(step, step)))
    sine = math.sin(reach) / reach if reach > _TINY else 1.0
    length = sum(weight * length for weight, length in zip(weights, lengths, strict=True))
    direction = {i: math.cos(reach) * mean[i] + sine * step[i] for i in some}
    return [length * direction[i] / lengths[i] if i in direction else 0.0 for i in range(len(weights))], rule
