"""Which rows share text with a test split: an index of hashes of word runs, and a look-up."""

from __future__ import annotations

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
        if self.parts is not None:
            parts = np.asarray(self.parts)
            found = found[parts[: len(found)] != parts[length - 1 :]]
        return np.unique(found)


class Table:
    """Hashes with the numbers of the texts that have them, sorted: 12 bytes each. One hash may have several texts."""

    def __init__(self, pairs: Sequence[tuple[Hashes, int]]) -> None:
        hashes = np.concatenate([h for h, _ in pairs]) if pairs else np.empty(0, np.uint64)
        owners = np.repeat(np.array([n for _, n in pairs], np.uint32), [len(h) for h, _ in pairs])
        order = np.argsort(hashes, kind="stable")
        self._hashes: Hashes = hashes[order]
        self._owners: Numbers = owners[order]
        # Most runs of a corpus are in no test: one bit of the hash's first 22 says so without a search.
        self._filter = np.zeros(1 << 22, np.bool_)
        self._filter[(self._hashes >> np.uint64(42)).astype(np.intp)] = True

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        return self._hashes.nbytes + self._owners.nbytes + self._filter.nbytes

    def find(self, hashes: Hashes) -> list[tuple[int, int]]:
        """The (hash, number of the text) of every different hash that is here."""
        likely = hashes[self._filter[(hashes >> np.uint64(42)).astype(np.intp)]]
        if not len(likely):
            return []
        likely = np.unique(likely)
        first = np.searchsorted(self._hashes, likely, "left")
        last = np.searchsorted(self._hashes, likely, "right")
        return [
            (int(value), int(owner))
            for value, low, high in zip(likely, first, last, strict=True)
            for owner in self._owners[low:high]
        ]


@dataclass(frozen=True, repr=False)
class Index:
    """All texts of all test splits, by hashes alone: no text can be read out of it.

    `n` is the length of the runs that count of long texts. `long` holds these; `short`, by length, the texts of fewer
    words; `whole` whole texts. `owners` and `sizes` are, by the number of a text, its split and its count of runs.
    """

    n: int
    long: Table
    short: dict[int, Table]
    whole: dict[int, list[int]]
    owners: list[Where]
    sizes: list[int]

    @property
    def bytes(self) -> int:
        """The memory of its tables."""
        return self.long.bytes + sum(table.bytes for table in self.short.values())

    def hits(self, row: RowWords, share: float = 0.0) -> list[Hit]:
        """The rules by which a row shares text with test splits.

        Args:
            row: of the corpus.
            share: of the runs of one long text that a row may have without a hit; 0 for none.
        """
        found: dict[tuple[Where, Rule], set[int]] = {}

        def add(owner: int, rule: Rule, value: int) -> None:
            found.setdefault((self.owners[owner], rule), set()).add(value)

        for value, owner in self._long(row, share):
            add(owner, "n-gram", value)
        for value, owner in self._short(row):
            add(owner, "short text", value)
        for value in row.wholes:
            for owner in self.whole.get(value, ()):
                add(owner, "whole text", value)
        return [Hit(where, rule, frozenset(values)) for (where, rule), values in sorted(found.items())]

    def _long(self, row: RowWords, share: float) -> Iterable[tuple[int, int]]:
        pairs = self.long.find(row.runs(self.n))
        if not share:
            return pairs
        counts: dict[int, int] = {}
        for _, owner in pairs:
            counts[owner] = counts.get(owner, 0) + 1
        return [(value, owner) for value, owner in pairs if counts[owner] > share * self.sizes[owner]]

    def _short(self, row: RowWords) -> Iterable[tuple[int, int]]:
        for length, table in self.short.items():
            pairs = table.find(row.runs(length))
            lines = row.lines(length) if pairs and length < TELLING_WORDS else None
            yield from (pair for pair in pairs if lines is None or pair[0] in lines)


def build_index(texts: Iterable[tuple[Where, Wanted]], n: int) -> Index:
    """The index of texts; one that a split has several times counts once.

    Args:
        texts: of test documents, with their splits.
        n: length of the runs of words that count.
    """
    owners: list[Where] = []
    sizes: list[int] = []
    long: list[tuple[Hashes, int]] = []
    short: dict[int, list[tuple[Hashes, int]]] = {}
    whole: dict[int, list[int]] = {}
    seen = set()
    for where, text in texts:
        length = len(text.hashes)
        if length < FEWEST_WORDS or (where, text.whole) in seen:
            continue
        seen.add((where, text.whole))
        number = len(owners)
        signs = text.signs(min(n, length))
        owners.append(where)
        sizes.append(len(signs))
        if length >= n:
            long.append((signs, number))
        else:
            short.setdefault(length, []).append((signs, number))
        whole.setdefault(text.whole, []).append(number)
    tables = {length: Table(pairs) for length, pairs in sorted(short.items())}
    return Index(n, Table(long), tables, whole, owners, sizes)


class RowWords:
    """The words of a row's texts, and the hashes of their runs: those of one length are made from shorter ones."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self.words = [words(text) for text in texts]
        self._hashes = [word_hashes(each) for each in self.words]
        self._latest = self._hashes
        self._runs = {1: np.concatenate(self._hashes) if self._hashes else np.empty(0, np.uint64)}

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
        for longer in range(len(self._runs) + 1, length + 1):
            self._latest = [longer_runs(h, k) for h, k in zip(self._hashes, self._latest, strict=True)]
            self._runs[longer] = np.concatenate(self._latest)
        return self._runs[length]

    def lines(self, length: int) -> set[int]:
        """The hashes of the lines of `length` words, with and without what stands before the first colon."""
        found = set()
        for line in (line for text in self._texts for line in text.splitlines()):
            for part in (line, line.partition(":")[2]):
                split = words(part)
                if len(split) == length:
                    found.add(int(runs(word_hashes(split), length)[0]))
        return found
