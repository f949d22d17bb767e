"""What a merge method gets and gives: the tensors of one name, and the merged one with what was measured on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from clueplus.training.merging.select import Cut

if TYPE_CHECKING:
    from torch import Tensor

Scope = Literal["tensor", "global", "row"]

# Entries that are worked on at a time: a handful of fp32 arrays of this length stay in a processor's cache.
PART = 1 << 18
# On an accelerator a launch costs more than its work on few entries.
DEVICE_PART = 1 << 24


@dataclass(frozen=True)
class Expert:
    """One model's tensor, as it is stored, with the values that apply to it.

    `key` seeds the random numbers of this tensor; `top` and `outliers` are given when a threshold over the whole model
    was found before, else a method finds its own.
    """

    tensor: Tensor
    weight: float = 1.0
    density: float = 1.0
    gamma: float = 0.0
    epsilon: float = 0.0
    key: int = 0
    top: Cut | None = None
    outliers: Cut | None = None


@dataclass(frozen=True)
class Operands:
    """The tensors of one name.

    `base` and the experts' tensors have one shape and any floating dtype. `factor` is lambda, `t` the place between
    base (0) and expert (1) in slerp, `normalize` whether weights are divided by their sum. `dtype` is the merged one's.
    """

    base: Tensor | None
    experts: Sequence[Expert]
    dtype: Any
    factor: float = 1.0
    t: float = 0.5
    normalize: bool = True
    scope: Scope = "tensor"

    @property
    def origin(self) -> Tensor:
        """The base, which methods that work on differences need."""
        assert self.base is not None, "the configuration is checked before"
        return self.base

    @property
    def rows(self) -> tuple[int, int]:
        """Number and length of the rows; a vector is one row."""
        shape = self.experts[0].tensor.shape
        length = int(shape[-1]) if len(shape) > 1 else self.experts[0].tensor.numel()
        return (self.experts[0].tensor.numel() // length if length else 0), length

    def parts(self, *, whole_rows: bool = False) -> Iterator[slice]:
        """Slices of the flattened tensors, in order; each a number of whole rows where a method asks for it."""
        first = self.experts[0].tensor
        step, total = PART if first.device.type == "cpu" else DEVICE_PART, first.numel()
        if whole_rows:
            length = max(1, self.rows[1])
            step = max(1, step // length) * length
        yield from (slice(start, min(start + step, total)) for start in range(0, total, step))

    def delta(self, number: int, part: slice, base: Tensor | None = None) -> Tensor:
        """A part of expert - base, in fp32, for the caller to write to; `base` is that part of it where it is known."""
        base = self.origin.reshape(-1)[part].float() if base is None else base
        return self.experts[number].tensor.reshape(-1)[part].to(base.dtype, copy=True).sub_(base)


@dataclass
class Merged:
    """The merged tensor and what was measured: nothing here is needed to use it.

    `kept` is the fraction of each expert's difference that the method kept. `cosine` is between the merged tensor and
    the base, `survival` 1 - |rounded delta - delta| / |delta|, None without a base or a difference. `rule` says what
    was done where the method's formula does not hold.
    """

    tensor: Tensor
    kept: list[float] = field(default_factory=list)
    cosine: float | None = None
    survival: float | None = None
    rule: str | None = None


Method = Callable[[Operands], Merged]


class _Sums:
    """Sums over parts, each in fp32, together in double precision."""

    def __init__(self) -> None:
        self.base = self.merged = self.product = self.delta = self.lost = 0.0

    def add(self, base: Tensor, exact: Tensor, rounded: Tensor) -> None:
        delta = exact - base
        lost = rounded - exact
        self.base += float(base.dot(base))
        self.merged += float(rounded.dot(rounded))
        self.product += float(base.dot(rounded))
        self.delta += float(delta.dot(delta))
        self.lost += float(lost.dot(lost))

    @property
    def cosine(self) -> float | None:
        length = math.sqrt(self.base) * math.sqrt(self.merged)
        return max(-1.0, min(1.0, self.product / length)) if length else None

    @property
    def survival(self) -> float | None:
        return 1.0 - math.sqrt(self.lost / self.delta) if self.delta else None


def compute(operands: Operands, part_of: Callable[[slice], Tensor], *, whole_rows: bool = False) -> Merged:
    """The merged tensor, part by part, so that no fp32 copy of the whole exists.

    Args:
        operands: what is merged.
        part_of: from a slice of the flattened tensors to that part of the result, in fp32; called in order.
        whole_rows: whether parts must be whole rows.

    Raises:
        OverflowError: a value does not fit the merged type.
    """
    import torch

    first = operands.experts[0].tensor
    out = torch.empty(first.numel(), dtype=operands.dtype, device=first.device)
    sums = _Sums()
    for part in operands.parts(whole_rows=whole_rows):
        exact = part_of(part)
        out[part] = exact
        if not all(map(torch.isfinite, torch.aminmax(out[part]))):
            raise OverflowError(f"merged values do not fit {str(operands.dtype).removeprefix('torch.')}")
        if operands.base is not None:
            sums.add(operands.base.reshape(-1)[part].float(), exact, out[part].float())
    return Merged(out.reshape(first.shape), cosine=sums.cosine, survival=sums.survival)
