"""A table of phrases, and the longest of them at each place of a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

Value = TypeVar("Value")


class Found(NamedTuple, Generic[Value]):
    """A phrase of the table in the tokens start to end (exclusive), with what the table says of it."""

    start: int
    end: int
    value: Value


class PhraseTable(Generic[Value]):
    """Phrases as token sequences in a trie.

    All edges of the trie lie in one dictionary, keyed by node and token number: a dictionary a node would take several
    times the memory, and term tables have millions of nodes. To search n tokens takes n times the longest phrase.
    """

    def __init__(self, phrases: Iterable[tuple[Sequence[str], Value]]) -> None:
        """Makes the table; an empty phrase is left out, and the first value of a repeated phrase stays.

        Args:
            phrases: the tokens of each phrase, and its value.
        """
        self._tokens: dict[str, int] = {}
        self._edges: dict[int, int] = {}
        self._values: dict[int, Value] = {}
        self._nodes = 1
        for tokens, value in phrases:
            if tokens:
                self._values.setdefault(self._add(tokens), value)

    def __len__(self) -> int:
        return len(self._values)

    def _add(self, tokens: Sequence[str]) -> int:
        node = 0
        for token in tokens:
            key = node << 32 | self._tokens.setdefault(token, len(self._tokens))
            following = self._edges.get(key)
            if following is None:
                following = self._edges[key] = self._nodes
                self._nodes += 1
            node = following
        return node

    def find(self, tokens: Sequence[str]) -> Iterator[Found[Value]]:
        """The phrases in `tokens` from left to right: the longest at each place, and none inside or across another."""
        # A token that no phrase has leads nowhere: no node has an edge numbered after the last token.
        unknown = len(self._tokens)
        numbers = [self._tokens.get(token, unknown) for token in tokens]
        start = 0
        while start < len(numbers):
            end, value_node = self._longest(numbers, start)
            if value_node:
                yield Found(start, end, self._values[value_node])
            start = end if value_node else start + 1

    def _longest(self, numbers: Sequence[int], start: int) -> tuple[int, int]:
        """Where the longest phrase from `start` ends, and its node; node 0 where there is none."""
        node = end = best = 0
        for position in range(start, len(numbers)):
            following = self._edges.get(node << 32 | numbers[position])
            if following is None:
                break
            node = following
            if node in self._values:
                end, best = position + 1, node
        return end, best
