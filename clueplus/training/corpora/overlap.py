"""Which rows share text with a test split: an index of hashes of word runs, and a look-up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clueplus.training.corpora.manifest import Rule
from clueplus.training.corpora.words import Hashes, longer_runs, runs, whole_hash, word_hashes, words

Numbers = NDArray[np.uint32]

# A text of fewer words is a term or a label, and stands in every textbook.
FEWEST_WORDS = 5
# A text of so many words tells where it is from, wherever it stands; a shorter one only as a line of its own.
TELLING_WORDS = 8
# Of a run that leaves a part, so many words of either end are not enough: one title may go on where another ends.
_EDGE = 2


class Where(NamedTuple):
    """A test split."""

    task: str
    variant: str


class Hit(NamedTuple):
    """A rule that found text of a test split in a row, by how many runs of words (their hashes)."""

    where: Where
    rule: Rule
    runs: frozenset[int]


@dataclass(frozen=True, repr=False)
class Wanted:
    """One text of a test document that is looked for.

    `hashes` are of its words. `parts` numbers the part that each word is of, where runs inside of one part are no sign:
    the options of a multiple-choice question are definitions that stand elsewhere too. None where all runs count.
    """

    whole: int
    hashes: Hashes
    parts: Sequence[int] | None = None

    @classmethod
    def of(cls, text: str) -> Wanted:
        """A text of which every run of words counts."""
        found = words(text)
        return cls(whole_hash(found), word_hashes(found))

    @classmethod
    def of_parts(cls, texts: Sequence[str]) -> Wanted:
        """Texts one after the other; only runs that leave one of them count."""
        split = [words(text) for text in texts]
        joined = [word for part in split for word in part]
        parts = [number for number, part in enumerate(split) for _ in part]
        return cls(whole_hash(joined), word_hashes(joined), parts)

    def signs(self, length: int) -> Hashes:
        """The different hashes of its runs of `length` words."""
        found = runs(self.hashes, length)
        if self.parts is not None and len(found) > 1:
            parts = np.asarray(self.parts)
            first, last = parts[_EDGE : len(found) + _EDGE], parts[length - 1 - _EDGE : len(parts) - _EDGE]
            found = found[first != last]
        return np.unique(found)


class Table:
    """Hashes with the numbers of the texts that have them, sorted: 12 bytes each. One hash may have several texts."""

    def __init__(self, pairs: Sequence[tuple[Hashes, int]]) -> None:
        hashes = np.concatenate([h for h, _ in pairs]) if pairs else np.empty(0, np.uint64)
        owners = np.repeat(np.array([n for _, n in pairs], np.uint32), [len(h) for h, _ in pairs])
        order = np.argsort(hashes, kind="stable")
        self._hashes: Hashes = hashes[order]
        self._owners: Numbers = owners[order]
        # Most runs of a corpus are in no test: where a sixteenth of the places is taken, the others say so at once.
        bits = max(8, (16 * len(hashes)).bit_length())
        self._shift = np.uint64(64 - bits)
        self._filter = np.zeros(1 << bits, np.bool_)
        self._filter[(self._hashes >> self._shift).astype(np.intp)] = True

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        return self._hashes.nbytes + self._owners.nbytes + self._filter.nbytes

    def find(self, hashes: Hashes) -> list[tuple[int, int]]:
        """The (hash, number of the text) of every different hash that is here."""
        likely = hashes[self._filter[(hashes >> self._shift).astype(np.intp)]]
        if not len(likely):
            return []
        likely = np.unique(likely)
        first = np.searchsorted(self._hashes, likely, "left")
        last = np.searchsorted(self._hashes, likely, "right")
        return [
            (int(likely[place]), int(owner))
            for place in np.flatnonzero(last > first)
            for owner in self._owners[first[place] : last[place]]
        ]


class _Owner(NamedTuple):
    """A text of a test document: its split, the length of the runs that are looked for, and how many it has."""

    where: Where
    length: int
    size: int


@dataclass(frozen=True, repr=False)
class Index:
    """All texts of all test splits, by hashes alone: no text can be read out of it.

    `n` is the length of the runs that count of long texts; `table` has these and the texts of fewer words, `whole` the
    whole texts, both by the numbers of `owners`.
    """

    n: int
    table: Table
    whole: dict[int, list[int]]
    owners: list[_Owner]
    lengths: list[int]

    def hits(self, row: RowWords, share: float = 0.0) -> list[Hit]:
        """The rules by which a row shares text with test splits.

        Args:
            row: of the corpus.
            share: of the runs of one long text that a row may have without a hit; 0 for none.
        """
        pairs = self.table.find(row.all_runs(self.lengths))
        found: dict[tuple[Where, Rule], set[int]] = {}
        counts = Counter(owner for _, owner in pairs)
        for value, number in pairs:
            owner = self.owners[number]
            if owner.length == self.n and counts[number] > share * owner.size:
                found.setdefault((owner.where, "n-gram"), set()).add(value)
            elif owner.length != self.n and (owner.length >= TELLING_WORDS or value in row.lines(owner.length)):
                found.setdefault((owner.where, "short text"), set()).add(value)
        for value in row.wholes & self.whole.keys():
            for number in self.whole[value]:
                found.setdefault((self.owners[number].where, "whole text"), set()).add(value)
        return [Hit(where, rule, frozenset(values)) for (where, rule), values in sorted(found.items())]


def build_index(texts: Iterable[tuple[Where, Wanted]], n: int) -> Index:
    """The index of texts; one that a split has several times counts once.

    Args:
        texts: of test documents, with their splits.
        n: length of the runs of words that count.
    """
    owners: list[_Owner] = []
    pairs: list[tuple[Hashes, int]] = []
    whole: dict[int, list[int]] = {}
    seen = set()
    for where, text in texts:
        words_ = len(text.hashes)
        if words_ < FEWEST_WORDS or (where, text.whole) in seen:
            continue
        seen.add((where, text.whole))
        length = min(n, words_)
        signs = text.signs(length)
        whole.setdefault(text.whole, []).append(len(owners))
        pairs.append((signs, len(owners)))
        owners.append(_Owner(where, length, len(signs)))
    return Index(n, Table(pairs), whole, owners, sorted({owner.length for owner in owners}))


class RowWords:
    """The words of a row's texts, and the hashes of their runs: those of one length are made from shorter ones."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self.words = [words(text) for text in texts]
        self._runs = [[word_hashes(each) for each in self.words]]

    @property
    def whole(self) -> int:
        """The hash of all texts together: rows with the same words have one."""
        return whole_hash([word for each in self.words for word in [*each, ""]])

    @property
    def wholes(self) -> set[int]:
        """The hash of each text."""
        return {whole_hash(each) for each in self.words if len(each) >= FEWEST_WORDS}

    def runs(self, length: int) -> Hashes:
        """The hashes of the runs of `length` words, of every text."""
        return self.all_runs([length])

    def all_runs(self, lengths: Sequence[int]) -> Hashes:
        """The hashes of the runs of words of all these lengths."""
        while lengths and len(self._runs) < max(lengths):
            self._runs.append([longer_runs(h, k) for h, k in zip(self._runs[0], self._runs[-1], strict=True)])
        chosen = [each for length in lengths for each in self._runs[length - 1]]
        return np.concatenate(chosen) if chosen else np.empty(0, np.uint64)

    def lines(self, length: int) -> set[int]:
        """The hashes of the lines of `length` words, with and without what stands before the first colon."""
        found = set()
        for line in (line for text in self._texts for line in text.splitlines()):
            for part in (line, line.partition(":")[2]):
                split = words(part)
                if len(split) == length:
                    found.add(int(runs(word_hashes(split), length)[0]))
        return found
