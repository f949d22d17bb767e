"""One label of a few out of an answer, and two measures for labels that are far from equally frequent.

The parser never guesses between two, and a label that the answer denies is not its answer: "not entailment" leaves
neutral and contradiction, so it is none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from clueplus.metrics.answer import plain
from clueplus.metrics.counts import Counts, macro

NLI: Mapping[str, tuple[str, ...]] = {
    "entailment": ("entailment", "entailed", "entails"),
    "neutral": ("neutral",),
    "contradiction": ("contradiction", "contradicted", "contradicts", "contradictory"),
}
"""The labels of MedNLI with the words that stand for them."""

_WINDOW = 80  # characters around a label that can deny or announce it
_DENIED_BEFORE = re.compile(
    r"(?:\b(?:no|not|never|neither|nor|non|without|cannot|hardly|rather than|instead of|unlikely)|n't)"
    r"(?:[ -](?:be|been|being|an?|the|clear|clearly|any|in|necessarily|really|strictly|considered|classified|as)\b)"
    r"{0,3}[ -]\Z"
)
_DENIED_AFTER = re.compile(
    r" (?:is|are|was|would be|seems|looks) (?:not|wrong|incorrect|false|unlikely|ruled out)\b| isn't\b| ?: no\b| ?\?"
)
_AT_START = re.compile(r"\W*(?:(?:an?|the) )?")
_ENDS_THERE = re.compile(r"\Z|\n| ?[^\w\s'-]| -| (?:because|since|as|given)\b")
_ANNOUNCED = re.compile(
    r"\b(?:answer|label|relation|relationship|conclusion|verdict|classification|prediction)"
    r"(?: (?!not\b)\w+){0,6}?(?: is| be| as| ?[:=]) ?(?:an? |the |one of )?\Z"
)
_BESIDE = re.compile(r"(?: ?[,/] ?|,? (?:and|or|vs\.?|and/or) |\n)(?:an? |the )?")


class _Mention(NamedTuple):
    start: int
    end: int
    label: str


def parse_label(answer: str, labels: Mapping[str, Iterable[str]] | Iterable[str]) -> str | None:
    """The label that an answer gives, or None when it gives none or several. No answer makes it raise.

    In this order, the first that finds something decides, if that is one label: a label at the start, by itself or
    before a sentence mark; "the answer is X", "label: X"; a label anywhere. A denied label ("not X", "neither X nor Y",
    "X is wrong", "X?") is not found. With a label at the start or announced, those beside it count too ("X or Y").

    Args:
        answer: the model's text.
        labels: the labels, or each label with the words that stand for it, the label's own name only if it is among
            them. Case and markup do not matter, and words count as whole words.

    Raises:
        ValueError: one word stands for two labels.
    """
    words = _words(labels)
    text = plain(answer).lower()
    mentions = [_Mention(m.start(), m.end(), words[m[0]]) for m in _pattern(tuple(words)).finditer(text)]
    affirmed = list(_affirmed(text, mentions))
    chosen = [n for n, mention in enumerate(affirmed) if _is_start(text, mention)]
    chosen = chosen or [n for n, mention in enumerate(affirmed) if _ANNOUNCED.search(_before(text, mention))]
    found = {label for n in chosen for label in _beside(text, affirmed, n)} or {mention.label for mention in affirmed}
    return found.pop() if len(found) == 1 else None


def _words(labels: Mapping[str, Iterable[str]] | Iterable[str]) -> dict[str, str]:
    """What stands for each label, as it appears in an answer that `plain` has read, to the label."""
    forms = labels.items() if isinstance(labels, Mapping) else [(label, (label,)) for label in labels]
    words: dict[str, str] = {}
    for label, names in forms:
        for name in names:
            word = " ".join(plain(name).lower().split())
            if words.setdefault(word, label) != label:
                raise ValueError(f"{name!r} stands for two labels: {words[word]!r} and {label!r}")
    return {word: label for word, label in words.items() if word}


@lru_cache(maxsize=32)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first)) or '(?!)'})(?!\w)")


def _before(text: str, mention: _Mention) -> str:
    return text[max(0, mention.start - _WINDOW) : mention.start]


def _affirmed(text: str, mentions: Sequence[_Mention]) -> Iterator[_Mention]:
    """The mentions that are not denied; "not X or Y" denies both."""
    denied, last = False, 0
    for mention in mentions:
        joined = _BESIDE.fullmatch(text, last, mention.start) and "\n" not in text[last : mention.start]
        denied = bool((denied and joined) or _DENIED_BEFORE.search(_before(text, mention)))
        if not denied and not _DENIED_AFTER.match(text, mention.end):
            yield mention
        last = mention.end


def _is_start(text: str, mention: _Mention) -> bool:
    before = _AT_START.match(text)
    return bool(before and before.end() == mention.start and _ENDS_THERE.match(text, mention.end))


def _beside(text: str, mentions: Sequence[_Mention], first: int) -> Iterator[str]:
    """The label of one mention and of those that follow it at once: joined by "or", or each on its own line."""
    yield mentions[first].label
    for mention, following in pairwise(mentions[first:]):
        if not _BESIDE.fullmatch(text, mention.end, following.start):
            return
        yield following.label


def balanced_accuracy(predicted: Sequence[str | None], gold: Sequence[str]) -> float | None:
    """The mean over gold labels of the share of their items that were given that label, in [0, 1]; None without items.

    An answer that is None is wrong. Always giving one of k labels scores 1 / k, however frequent it is.

    Raises:
        ValueError: the two differ in length.
    """
    parts = [counts.recall for counts in count_by_label(predicted, gold).values() if counts.recall is not None]
    return sum(parts) / len(parts) if parts else None


def macro_f1(predicted: Sequence[str | None], gold: Sequence[str]) -> float | None:
    """The mean F1 over the labels that were predicted or are gold, in [0, 1]; None without items.

    An answer that is None is wrong and is no label of its own.

    Raises:
        ValueError: the two differ in length.
    """
    return macro(count_by_label(predicted, gold).values()).f1


def count_by_label(predicted: Sequence[str | None], gold: Sequence[str]) -> dict[str, Counts]:
    """How often each label was given rightly, given, and gold.

    Raises:
        ValueError: the two differ in length.
    """
    pairs = list(zip(predicted, gold, strict=True))
    right = Counter(truth for guess, truth in pairs if guess == truth)
    given = Counter(guess for guess, _ in pairs if guess is not None)
    true = Counter(truth for _, truth in pairs)
    return {label: Counts(right[label], given[label], true[label]) for label in sorted({*given, *true})}
