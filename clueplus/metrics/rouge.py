"""ROUGE-1, ROUGE-2 and ROUGE-L of a prediction against one reference.

The formulas are those of Lin (2004), "ROUGE: A Package for Automatic Evaluation of Summaries", sections 2
(ROUGE-N) and 3.1 (sentence-level ROUGE-L, the whole text as one sentence). With *matches* the number of
n-grams found in both texts, each counted as often as in the text that has fewer of it (ROUGE-N), or the
length of the longest common subsequence of tokens (ROUGE-L):

    precision = matches / units in the prediction
    recall    = matches / units in the reference
    f1        = 2 * precision * recall / (precision + recall)

A ratio whose denominator is zero is 0. Tokenisation, stemming and these zero cases follow Google's
``rouge-score`` 0.1.2, whose numbers this module reproduces: the text is lower-cased, every run of the ASCII
characters ``a-z0-9`` is a token, every other character separates tokens, and with the stemmer each token of
more than three characters is replaced by its Porter stem (NLTK's default extensions).

The counting works on integer token ids: a sort finds the shared bigrams and a bit-parallel algorithm the
longest common subsequence, so that no step is quadratic in Python.
"""

from collections.abc import Sequence
from functools import lru_cache
from string import ascii_lowercase, digits
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["RougeScore", "RougeScores", "rouge", "rouge_corpus"]

_SHORTEST_STEMMED = 4
"""Fewest characters of a token that is stemmed; rouge-score leaves shorter ones as they are."""

_STEM_CACHE_SIZE = 1 << 16
"""Stems kept in memory: more than the vocabulary of common clinical corpora, about 13 MB when full."""

_SPACE_OUT_SEPARATORS = bytes(byte if chr(byte) in ascii_lowercase + digits else ord(" ") for byte in range(256))

Ids = NDArray[np.int64]


class RougeScore(NamedTuple):
    """One ROUGE measure of one pair: three fractions in [0, 1]."""

    precision: float
    recall: float
    f1: float


class RougeScores(NamedTuple):
    """The three ROUGE measures of one pair: unigrams, bigrams and longest common subsequence."""

    rouge_1: RougeScore
    rouge_2: RougeScore
    rouge_l: RougeScore


class _Stemmer(Protocol):
    def stem(self, word: str) -> str: ...


def rouge(prediction: str, reference: str, *, stemmer: bool = False) -> RougeScores:
    """Score one prediction against one reference with ROUGE-1, ROUGE-2 and ROUGE-L.

    Args:
        prediction: The generated text; any Unicode string, the empty string included.
        reference: The text written by a human; likewise any string.
        stemmer: Whether tokens are compared by their Porter stems.

    Returns:
        Precision, recall and F1 of each measure, as fractions in [0, 1] (not percent), equal to those of
        ``rouge-score`` 0.1.2. A measure is all zeros where either text has no token (or, for ROUGE-2, fewer
        than two).

    Raises:
        AttributeError: If either text is not a string.

    Formulas: Lin (2004), sections 2 and 3.1; the module's docstring states them and the tokenisation.
    """
    prediction_tokens = _tokens(prediction, stemmer)
    reference_tokens = _tokens(reference, stemmer)
    n_prediction, n_reference = len(prediction_tokens), len(reference_tokens)
    if not n_prediction or not n_reference:
        zero = RougeScore(0.0, 0.0, 0.0)
        return RougeScores(zero, zero, zero)

    ids = _token_ids(prediction_tokens + reference_tokens)
    id_array = np.fromiter(ids, np.int64)
    return RougeScores(
        _score(_shared_unigrams(id_array, n_prediction), n_prediction, n_reference),
        _score(_shared_bigrams(id_array, n_prediction), n_prediction - 1, n_reference - 1),
        _score(_lcs_length(ids[:n_prediction], ids[n_prediction:]), n_prediction, n_reference),
    )


def rouge_corpus(predictions: Sequence[str], references: Sequence[str], *, stemmer: bool = False) -> list[RougeScores]:
    """Score each prediction against the reference at the same position.

    Args:
        predictions: The generated texts, one string per pair.
        references: The texts written by humans, as many as ``predictions``.
        stemmer: Whether tokens are compared by their Porter stems.

    Returns:
        One :class:`RougeScores` per pair, in order; fractions in [0, 1], not averaged. Each is what
        :func:`rouge` gives for that pair.

    Raises:
        ValueError: If the two sequences differ in length; the message names both lengths.

    Formulas: Lin (2004), sections 2 and 3.1; the module's docstring states them and the tokenisation.
    """
    if len(predictions) != len(references):
        raise ValueError(
            f"predictions and references must pair up, but there are {len(predictions)} predictions "
            f"and {len(references)} references"
        )
    return [
        rouge(prediction, reference, stemmer=stemmer)
        for prediction, reference in zip(predictions, references, strict=True)
    ]


def _tokens(text: str, stemmer: bool) -> list[str]:
    # Lower-casing comes before the reduction to ASCII because it can yield ASCII letters: the Kelvin sign
    # becomes "k". The byte table is several times faster than a regular expression, and "replace" turns
    # every other character, lone surrogates included, into "?", which separates tokens.
    ascii_text = text.lower().encode("ascii", "replace").translate(_SPACE_OUT_SEPARATORS)
    tokens = ascii_text.decode("ascii").split()
    return list(map(_stem, tokens)) if stemmer else tokens


@lru_cache(maxsize=_STEM_CACHE_SIZE)
def _stem(token: str) -> str:
    return token if len(token) < _SHORTEST_STEMMED else _porter_stemmer().stem(token)


@lru_cache(maxsize=1)
def _porter_stemmer() -> _Stemmer:
    # NLTK takes seconds to import (it loads SciPy), which only callers who want stems should pay.
    from nltk.stem.porter import PorterStemmer

    stemmer: _Stemmer = PorterStemmer()
    return stemmer


def _token_ids(tokens: list[str]) -> list[int]:
    """Give each token the position of its first occurrence, so that equal tokens have equal ids < len(tokens)."""
    first_position: dict[str, int] = {}
    return list(map(first_position.setdefault, tokens, range(len(tokens))))


def _shared_unigrams(ids: Ids, n_prediction: int) -> int:
    prediction_counts = np.bincount(ids[:n_prediction], minlength=len(ids))
    reference_counts = np.bincount(ids[n_prediction:], minlength=len(ids))
    return int(np.minimum(prediction_counts, reference_counts).sum())


def _shared_bigrams(ids: Ids, n_prediction: int) -> int:
    # The pair at n_prediction - 1 joins the prediction's last and the reference's first token: no bigram of either.
    bigram_keys = ids[:-1] * len(ids) + ids[1:]
    # The lowest bit tells the sides apart; sorting then puts all occurrences of a bigram next to each other.
    keys = np.concatenate((bigram_keys[: n_prediction - 1] * 2, bigram_keys[n_prediction:] * 2 + 1))
    if not keys.size:
        return 0
    keys.sort()
    sorted_bigrams = keys >> 1
    run_starts = np.concatenate(([0], np.flatnonzero(sorted_bigrams[1:] != sorted_bigrams[:-1]) + 1))
    # min(a, b) = (a + b - |a - b|) / 2, summed over the distinct bigrams.
    surplus = np.add.reduceat((keys & 1) * 2 - 1, run_starts)
    return (len(keys) - int(np.abs(surplus).sum())) // 2


def _lcs_length(prediction_ids: list[int], reference_ids: list[int]) -> int:
    from rapidfuzz.distance import LCSseq

    return LCSseq.similarity(prediction_ids, reference_ids)


def _score(matches: int, n_prediction: int, n_reference: int) -> RougeScore:
    """Turn a number of matches into fractions of the prediction's and the reference's units."""
    # Without a match every value is 0, and only then can a number of units be 0.
    if not matches:
        return RougeScore(0.0, 0.0, 0.0)
    precision, recall = matches / n_prediction, matches / n_reference
    return RougeScore(precision, recall, 2 * precision * recall / (precision + recall))
