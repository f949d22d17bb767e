"""Exact match of short answers, after the normalisation of SQuAD.

Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text", EMNLP 2016, section 6.1: neither
punctuation and the articles a, an, the count, nor case and white space. One thing differs: punctuation between two
digits stays, because 2.5 cm is not 25 cm and 120/80 is not 12080.
"""

from __future__ import annotations

import re
import string

_INSIDE_NUMBER = re.compile(rf"(?<=\d)[{re.escape(string.punctuation)}](?=\d)")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def exact_match(prediction: str, reference: str) -> float:
    """1 if the two answers are the same after normalisation, else 0.

    Answers of nothing but articles and punctuation are compared as they are, up to case and white space: "The" and "A"
    differ, as do "-" and "".
    """
    ours, theirs = normalise_answer(prediction), normalise_answer(reference)
    if not ours or not theirs:
        ours, theirs = _fold(prediction), _fold(reference)
    return float(ours == theirs)


def normalise_answer(text: str) -> str:
    """The words of an answer in lower case, without articles and punctuation, with single spaces between them."""
    # A number keeps its inner marks as private characters while all other punctuation goes.
    kept = _INSIDE_NUMBER.sub(lambda mark: chr(0xE000 + ord(mark[0])), text.lower())
    words = _ARTICLES.sub(" ", kept.translate(_PUNCTUATION))
    return " ".join(words.split())


def _fold(text: str) -> str:
    return " ".join(text.lower().split())
