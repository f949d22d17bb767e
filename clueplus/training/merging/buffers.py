"""Memory for tensors as they are stored, used again: fresh pages cost the system more than the bytes that fill them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class Buffers:
    """Flat arrays of bytes that are lent, given back, and lent again; safe to use from several threads."""

    def __init__(self) -> None:
        self._free: list[Tensor] = []
        self._lock = threading.Lock()

    def take(self, size: int) -> Tensor:
        """An array of at least `size` bytes: the smallest free one that is large enough, or a new one of that size.

        A new one takes the place of the largest free one, so there are never more than were lent at one time.
        """
        import torch

        with self._lock:
            fitting = [buffer for buffer in self._free if buffer.numel() >= size]
            chosen = min(fitting, key=_size) if fitting else max(self._free, key=_size, default=None)
            if chosen is not None:
                self._free = [buffer for buffer in self._free if buffer is not chosen]
            if fitting and chosen is not None:
                return chosen
        del chosen  # its memory goes back before more is asked for
        return torch.empty(size, dtype=torch.uint8)

    def give(self, buffer: Tensor) -> None:
        """Takes a lent array back; nobody may read it any more."""
        with self._lock:
            self._free.append(buffer)


def _size(buffer: Tensor) -> int:
    return int(buffer.numel())
