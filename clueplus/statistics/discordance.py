"""Tests of "no difference" that assume no distribution: exact McNemar, and signs flipped cluster by cluster."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clueplus.statistics.clusters import find_clusters

Floats = NDArray[np.float64]


class McNemar(NamedTuple):
    """Discordant pairs and their exact p values: of no difference, of "no loss" (less) and of "no gain" (greater)."""

    losses: int
    gains: int
    p: float
    less: float
    greater: float


class SignFlip(NamedTuple):
    """The mean difference and its permutation p values; None where `reason` says why.

    less, greater: of H0 "no drop" and "no gain". flips: how many assignments of signs were looked at.
    exact: whether these were all.
    """

    mean: float | None
    p: float | None
    less: float | None
    greater: float | None
    flips: int
    exact: bool
    reason: str | None = None


def mcnemar(baseline: Floats, candidate: Floats) -> McNemar:
    """Exact McNemar on right or wrong answers to the same items: gains among discordant pairs are binomial with 1/2.

    Args:
        baseline: (items,) of 0 and 1; NaN leaves the pair out.
        candidate: the same items.

    Raises:
        ValueError: other values, or other shapes.

    Source: McNemar, Psychometrika 12:153, 1947; the exact form as in Fay, Biostatistics 11:373, 2010.
    """
    from scipy.stats import binomtest

    if baseline.shape != candidate.shape or baseline.ndim != 1:
        raise ValueError(f"{baseline.shape} against {candidate.shape}")
    both = ~(np.isnan(baseline) | np.isnan(candidate))
    first, second = baseline[both], candidate[both]
    if not np.isin(np.concatenate([first, second]), (0.0, 1.0)).all():
        raise ValueError("McNemar's test is for values 0 and 1")
    gains, losses = int((second > first).sum()), int((second < first).sum())
    if gains + losses == 0:
        return McNemar(0, 0, 1.0, 1.0, 1.0)
    two, less, greater = (
        float(binomtest(gains, gains + losses, 0.5, side).pvalue) for side in ("two-sided", "less", "greater")
    )
    return McNemar(losses, gains, two, less, greater)


def sign_flip(differences: Floats, clusters: Sequence[Hashable], *, resamples: int = 10_000, seed: int = 0) -> SignFlip:
    """The permutation test of a mean difference in which each cluster keeps or changes its sign as a whole.

    Under "no difference" baseline and candidate could change places in any cluster. All assignments are looked at where
    they are no more than `resamples`; else that many random ones, and the observed one counts as one of them, so that
    no p value is 0.

    Args:
        differences: (items,) candidate less baseline, or `paired_influence`.
        clusters: one label an item.
        resamples: random assignments.
        seed: of the generator; the same seed gives the same p.

    Source: Fisher, The Design of Experiments, 1935, section 21; Phipson and Smyth, SAGMB 9:39, 2010 (the added one).
    """
    if len(differences) == 0 or not np.isfinite(differences).all():
        reason = "an item has no value" if len(differences) else "no item has a score"
        return SignFlip(None, None, None, None, 0, False, reason)
    sums = find_clusters(clusters).sums(differences)
    sums = sums[sums != 0]  # flipping nothing changes nothing
    exact = 2 ** min(len(sums), 62) <= resamples
    flips = 2 ** len(sums) if exact else resamples
    bits = _all_bits(len(sums)) if exact else _random_bits(len(sums), resamples, seed)
    totals, observed = _signed_sums(sums, bits), float(sums.sum())
    slack = 1e-9 * float(np.abs(sums).sum())  # equal sums in another order of addition are equal
    added = 0 if exact else 1
    less = (int((totals <= observed + slack).sum()) + added) / (flips + added)
    greater = (int((totals >= observed - slack).sum()) + added) / (flips + added)
    p = (int((np.abs(totals) >= abs(observed) - slack).sum()) + added) / (flips + added)
    return SignFlip(float(differences.mean()), p, less, greater, flips, exact)


def _all_bits(count: int) -> NDArray[np.uint8]:
    """(bytes, 2^count): column j holds the bits of j, eight to a byte."""
    numbers = np.arange(2**count, dtype=np.uint64)
    places = 8 * np.arange(-(-count // 8), dtype=np.uint64)[:, None]
    return ((numbers >> places) & np.uint64(255)).astype(np.uint8)


def _random_bits(count: int, resamples: int, seed: int) -> NDArray[np.uint8]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (-(-count // 8), resamples), dtype=np.uint8)


def _signed_sums(sums: Floats, bits: NDArray[np.uint8]) -> Floats:
    """The sums under each column's signs. Eight clusters at a time have only 256 sums, which are looked up."""
    totals = np.zeros(bits.shape[1])
    signs = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little") * 2.0 - 1
    for row, start in zip(bits, range(0, len(sums), 8), strict=True):
        part = sums[start : start + 8]
        totals += (signs[:, : len(part)] @ part)[row]
    return totals
