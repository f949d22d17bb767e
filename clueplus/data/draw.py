"""A random sample that anybody can draw again: the rows with the smallest hashes, found in one pass."""

from __future__ import annotations

import hashlib
import heapq
from typing import Generic, TypeVar

Item = TypeVar("Item")


def drawn_number(seed: str, name: str) -> int:
    """A number from 0 to 2**64 - 1 that is random, but always the same for one seed and name."""
    digest = hashlib.sha256(f"{seed} {name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")


class Draw(Generic[Item]):
    """The `size` items with the smallest numbers of all that are offered; no more than these are kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[int, int, Item]] = []  # the largest number first; row numbers keep items uncompared

    def reaches(self, number: int) -> bool:
        """Whether an item of this number would be among the drawn ones, as far as is known yet."""
        return len(self._heap) < self._size or number < -self._heap[0][0]

    def offer(self, number: int, row: int, item: Item) -> None:
        """Draws the item, in place of the one with the largest number where all places are taken."""
        if self.reaches(number):
            replace = heapq.heappushpop if len(self._heap) == self._size else heapq.heappush
            replace(self._heap, (-number, -row, item))

    @property
    def items(self) -> list[Item]:
        """The drawn items, by their numbers."""
        return [item for _, _, item in sorted(self._heap, key=lambda entry: (-entry[0], -entry[1]))]
