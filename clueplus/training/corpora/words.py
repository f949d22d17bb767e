"""Texts as words, and runs of words as 64-bit hashes: what overlap and duplicates are found by."""

from __future__ import annotations

import hashlib
import re
import unicodedata

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_WORD = re.compile(r"[^\W_]+")
# Odd, so that no bit of a word is lost when the hash of a run moves on to the next word.
_STEP = np.uint64(0x9E3779B97F4A7C15)
# A corpus has ever new numbers and names: so many words are remembered at most.
_MOST_WORDS = 1 << 20


class _WordHashes(dict[str, int]):
    """The hash of each word, made once; the same on every machine."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _MOST_WORDS:
            self.clear()
        value = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
        self[word] = value
        return value


_HASHES = _WordHashes()


def words(text: str) -> list[str]:
    """The words of a text, without case, punctuation and width: "Na+ 1,200 mg" is na, 1, 200, mg."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _WORD.findall(text.casefold())


def word_hashes(of: list[str]) -> Hashes:
    """One hash a word."""
    return np.fromiter(map(_HASHES.__getitem__, of), dtype=np.uint64, count=len(of))


def longer_runs(hashes: Hashes, shorter: Hashes) -> Hashes:
    """The hashes of all runs of k+1 neighboring words, from those of k words (`shorter`; k = 1 are the words)."""
    length = len(hashes) - len(shorter) + 1
    return shorter[:-1] * _STEP + hashes[length:]


def runs(hashes: Hashes, length: int) -> Hashes:
    """The hashes of all runs of `length` neighboring words; none where there are fewer words."""
    if len(hashes) < length:
        return hashes[:0]
    found = hashes
    for _ in range(length - 1):
        found = longer_runs(hashes, found)
    return found


def whole_hash(of: list[str]) -> int:
    """The hash of a whole text: two texts have one if they have the same words in the same order."""
    return int.from_bytes(hashlib.blake2b(" ".join(of).encode(), digest_size=8).digest(), "little")
