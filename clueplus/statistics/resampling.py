"""Sums of clusters drawn with replacement, many times over: the inner loop of the bootstrap."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_FEW = 48  # up to so many distinct rows, how often each is drawn is faster than which ones
_DRAWS = 1 << 20  # a chunk: 2 MB of indices and 8 MB of values a thread


def resampled_sums(rows: Floats, resamples: int, seed: int) -> Floats:
    """For each resample, the sum of as many rows as there are, drawn with replacement: (resamples, columns).

    Few distinct rows, such as those of right and wrong answers, are drawn as multinomial counts. Else indices are drawn
    in chunks that depend on the data alone, each with a generator of its own, so that the number of threads changes
    nothing.

    Args:
        rows: (clusters, columns).
        resamples: how many.
        seed: of the generators.
    """
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    if len(distinct) <= _FEW:
        generator = np.random.default_rng(seed)
        drawn = generator.multinomial(len(rows), counts / len(rows), size=resamples)
        return np.asarray(drawn @ distinct, dtype=np.float64)
    columns = np.ascontiguousarray(rows.T)
    size = max(1, _DRAWS // len(rows))
    starts = range(0, resamples, size)
    sums = np.empty((resamples, rows.shape[1]))

    def fill(start: int, source: np.random.SeedSequence) -> None:
        chunk = sums[start : start + size]
        kind = np.uint16 if len(rows) <= 1 << 16 else np.uint32
        drawn = np.random.Generator(np.random.SFC64(source)).integers(0, len(rows), (len(chunk), len(rows)), dtype=kind)
        for number, column in enumerate(columns):
            chunk[:, number] = column[drawn].sum(axis=1)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for _ in pool.map(fill, starts, np.random.SeedSequence(seed).spawn(len(starts))):
            pass
    return sums
