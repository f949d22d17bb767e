"""Scalar products of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clueplus.training.merging.operands import PART

if TYPE_CHECKING:
    from torch import Tensor


def gram(tensors: Sequence[Tensor], origin: Tensor | None = None) -> list[list[float]]:
    """The matrix of scalar products of flat tensors, each less the `origin`, summed in double precision."""
    flat = [tensor.reshape(-1) for tensor in tensors]
    products = [[0.0] * len(flat) for _ in flat]
    for start in range(0, flat[0].numel(), PART):
        part = slice(start, start + PART)
        rows = [tensor[part].float() for tensor in flat]
        if origin is not None:
            away = origin.reshape(-1)[part].float()
            rows = [row - away for row in rows]
        for i, one in enumerate(rows):
            for j in range(i + 1):
                products[i][j] += float(one.dot(rows[j]))
    for i in range(len(flat)):
        for j in range(i):
            products[j][i] = products[i][j]
    return products
