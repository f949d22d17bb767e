"""How many requests an endpoint may have in flight: found by trying, within bounds."""

from __future__ import annotations

START = 32


class AdaptiveLimit:
    """A window that doubles while the endpoint keeps up, halves when it pushes back, and then creeps up again.

    This is TCP's slow start and additive increase (RFC 5681), with an answer in the place of an acknowledgement and
    HTTP 429, 502, 503, 504 or a timeout in the place of a loss. One halving counts for all requests that were in
    flight together: they tell of the same overload.

    Args:
        most: never more than this.
        start: the first window; by default 32, an engine's usual batch.
    """

    def __init__(self, most: int, start: int = START) -> None:
        self.most = most
        self.size = min(start, most)
        self.pushed_back = 0
        self._threshold = most
        self._credit = 0
        self._deaf = 0

    def worked(self) -> None:
        """An answer came."""
        self._deaf = max(0, self._deaf - 1)
        self._credit += 1
        if self._credit >= self.size and self.size < self.most:
            self._credit = 0
            self.size = min(self.most, 2 * self.size if 2 * self.size <= self._threshold else self.size + 1)

    def overloaded(self) -> None:
        """The endpoint pushed back."""
        self.pushed_back += 1
        if self._deaf:
            self._deaf -= 1
            return
        self._deaf = self.size - 1
        self._credit = 0
        self.size = max(1, self.size // 2)
        self._threshold = self.size
