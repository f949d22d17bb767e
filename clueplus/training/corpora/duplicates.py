"""Rows that a corpus has already: the same words, or nearly the same runs of words."""

from __future__ import annotations

from typing import Any

import numpy as np

from clueplus.errors import ClueplusError
from clueplus.training.corpora.spec import NearDuplicates
from clueplus.training.corpora.words import Hashes

# Every candidate is compared by its whole signature, so the index may offer too many and must not miss one.
_WEIGHTS = (0.05, 0.95)


class NearDuplicateFilter:
    """Finds near-duplicates of the rows that were kept, by MinHash; it remembers signatures and no texts.

    Args:
        spec: how alike two rows are when they are one.
        seed: of the permutations.

    Raises:
        ClueplusError: datasketch is not installed.
    """

    def __init__(self, spec: NearDuplicates, seed: int) -> None:
        try:
            from datasketch import MinHash, MinHashLSH  # type: ignore[import-untyped]
        except ImportError as error:
            raise ClueplusError("datasketch is not installed", fix="pip install 'clueplus[train]'") from error
        self._threshold = spec.threshold
        self._empty = MinHash(num_perm=spec.permutations, seed=seed, hashfunc=_lower_half)
        # Bands can't be made for a threshold of 1: there, any band of equal values makes a candidate.
        self._index: Any = MinHashLSH(threshold=min(spec.threshold, 0.99), num_perm=spec.permutations, weights=_WEIGHTS)
        self._signatures: list[bytes] = []

    def is_new(self, runs: Hashes) -> bool:
        """Whether no row that was new before has nearly the same runs of words; if so, the row is remembered."""
        if not len(runs):
            return True
        minhash = self._empty.copy()
        minhash.update_batch(np.unique(runs).tolist())
        signature = minhash.hashvalues.astype(np.uint32)
        for number in self._index.query(minhash):
            other = np.frombuffer(self._signatures[number], np.uint32)
            if np.count_nonzero(other == signature) >= self._threshold * len(signature):
                return False
        self._index.insert(len(self._signatures), minhash)
        self._signatures.append(signature.tobytes())
        return True


def _lower_half(value: int) -> int:
    """A run's hash as datasketch takes it: 32 bits."""
    return value & 0xFFFFFFFF
