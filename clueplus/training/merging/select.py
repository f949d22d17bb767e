"""The entries of largest magnitude, exactly, without sorting and without a copy of the whole.

A sample brackets the wanted order statistic; one pass counts what lies above the bracket and gathers what lies in it;
the statistic of the few gathered entries is the answer. A bracket that missed, which the counts tell, is widened.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

# A bracket this many standard errors wide misses once in a million; the last one holds everything.
_WIDTHS = (5.0, 50.0, math.inf)
SAMPLE = 1 << 16


class Cut(NamedTuple):
    """Keeps the entries with a magnitude above `threshold`, and the first `equals` of those that are equal to it."""

    threshold: float
    equals: int


ALL, NONE = Cut(-1.0, 0), Cut(math.inf, 0)


def kept_count(fraction: float, total: int) -> int:
    """How many of `total` entries a fraction above 0 keeps: within 1 of fraction x total, and at least one."""
    return min(total, max(1, round(fraction * total)))


def outlier_count(gamma: float, kept: int, total: int) -> int:
    """How many of the largest entries `gamma` removes beside the `kept` ones."""
    return min(round(gamma * total), total - kept)


def largest(parts: Callable[[], Iterable[Tensor]], sample: Tensor, count: int, total: int) -> Cut:
    """The cut that keeps exactly the `count` largest of `total` magnitudes, equal ones by their order.

    Args:
        parts: the magnitudes, in flat parts; called once a pass, usually for one pass.
        sample: some of the magnitudes, from all over.
        count: how many to keep.
        total: how many there are.
    """
    if count >= total:
        return ALL
    if count <= 0:
        return NONE
    ordered = sample.sort().values
    for width in _WIDTHS:
        low, high = _bracket(ordered, 1 - count / total, width)
        above, pool, lowest = _survey(parts(), low, high)
        wanted = count - above
        if 0 < wanted <= pool.numel():
            threshold = pool.kthvalue(pool.numel() - wanted + 1).values
            return Cut(float(threshold), wanted - int((pool > threshold).sum()))
        # Differences of stored numbers lie on a grid: often all that is wanted equals the bracket's lower end.
        if 0 < wanted - pool.numel() <= lowest:
            return Cut(low, wanted - pool.numel())
    raise AssertionError("the last bracket holds every number; what is none was refused before")


def _bracket(ordered: Tensor, quantile: float, width: float) -> tuple[float, float]:
    if math.isinf(width):
        return -1.0, math.inf
    size = ordered.numel()
    error = width * math.sqrt(quantile * (1 - quantile) / size) + 2 / size
    low, high = math.floor((quantile - error) * size), math.ceil((quantile + error) * size)
    return (float(ordered[low]) if low > 0 else -1.0), (float(ordered[high]) if high < size else math.inf)


def _survey(parts: Iterable[Tensor], low: float, high: float) -> tuple[int, Tensor, int]:
    """How many magnitudes are above `high`, those between `low` and up to `high`, and how many equal `low`."""
    import torch

    above, equal, found = 0, 0, []
    for part in parts:
        over, more, least = (
            _ones(*how) for how in ((torch.gt, part, high), (torch.gt, part, low), (torch.ge, part, low))
        )
        above += int(over.sum())
        equal += int(least.sub_(more).sum())
        if low < high:
            found.append(part[more.sub_(over).bool()])
    return above, torch.cat(found) if found else torch.empty(0), equal


def _ones(compare: Callable[..., Tensor], part: Tensor, value: float) -> Tensor:
    """A comparison as fp32 numbers, 1 where it holds: several times as fast as a truth value for each entry.

    Sums of them are exact, because a part has at most 2**24 entries.
    """
    import torch

    return compare(part, value, out=torch.empty_like(part))


class Keeper:
    """Masks of a cut for the parts of a tensor, one after the other."""

    def __init__(self, cut: Cut) -> None:
        self._threshold, self._equals = cut
        self.count = 0

    def mask(self, magnitude: Tensor) -> Tensor:
        """1 for the entries of the next part that are kept, 0 for the others."""
        import torch

        mask = _ones(torch.gt, magnitude, self._threshold)
        if self._equals:
            equal = _ones(torch.eq, magnitude, self._threshold)
            found = int(equal.sum())
            if found > self._equals:
                equal.mul_(equal.cumsum(0) <= self._equals)
            self._equals -= min(found, self._equals)
            mask.add_(equal)
        self.count += int(mask.sum())
        return mask


def largest_in_rows(magnitude: Tensor, count: int) -> Tensor:
    """Which entries are among the `count` largest of their row; equal ones by their order.

    Args:
        magnitude: (rows, length).
        count: how many of each row to keep.
    """
    import torch

    length = magnitude.shape[1]
    if count >= length:
        return torch.ones_like(magnitude, dtype=torch.bool)
    if count <= 0:
        return torch.zeros_like(magnitude, dtype=torch.bool)
    threshold = magnitude.kthvalue(length - count + 1, dim=1, keepdim=True).values
    mask = magnitude > threshold
    equal = magnitude == threshold
    left = count - mask.sum(dim=1, keepdim=True)
    return mask | (equal & (equal.cumsum(dim=1) <= left))
