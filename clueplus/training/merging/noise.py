"""Uniform random numbers that depend on a key and a position only: the same in any part, order, and on any device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

POSITIONS = 1 << 31
_LOW, _HIGH = 0x7FEB352D, 0x846CA68B - (1 << 32)


def uniform(key: int, part: slice, device: Any) -> Tensor:
    """Numbers in [0, 1) for the positions of `part`, in steps of 2**-24.

    Args:
        key: 64 bits of a hash. Keys that differ in their lower half alone give one sequence at two places.
        part: positions below `POSITIONS`.
        device: where the numbers are wanted.
    """
    import torch

    numbers = torch.arange(part.start, part.stop, dtype=torch.int32, device=device)
    _mix(numbers.add_(_signed(key)))
    _mix(numbers.bitwise_xor_(_signed(key >> 32)))
    return numbers.bitwise_right_shift_(8).bitwise_and_(0xFFFFFF).float().mul_(2.0**-24)


def _mix(numbers: Tensor) -> None:
    """In place: a bijection of 32 bits whose output bits each depend on all input bits (lowbias32, C. Wellons 2018)."""
    numbers.bitwise_xor_((numbers >> 16).bitwise_and_(0xFFFF)).mul_(_LOW)
    numbers.bitwise_xor_((numbers >> 15).bitwise_and_(0x1FFFF)).mul_(_HIGH)
    numbers.bitwise_xor_((numbers >> 16).bitwise_and_(0xFFFF))


def _signed(bits: int) -> int:
    low = bits & 0xFFFFFFFF
    return low - (1 << 32) if low >= 1 << 31 else low
