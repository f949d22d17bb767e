"""From the values of an LLM's answer, copied from a note, to character offsets in that note.

A value is looked for without regard to case and to the amount of white space. Where it stands as whole words, only
those places count; else any ("smok" is found in "smoker").

An answer says what and under which label, not where. So a value is given the place that serves it best: among its
places, first those that are a gold span of its label, then those that overlap one, then the others, each group in the
order of the note. Each place serves a label once; a value given more often than it occurs is `nowhere`, as is a value
that does not occur. The choice depends on the label, the value and the gold spans alone, not on the answer's order.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from clueplus.metrics.spans import Span, nowhere

Place = tuple[int, int]

_WORD = re.compile(r"\S+")


class _Folded(NamedTuple):
    """A text in lower case with single spaces, and where its words begin in there and in the original."""

    text: str
    starts: Sequence[int]
    original: Sequence[int]


def places(value: str, note: str) -> list[Place]:
    """Every (start, end) at which a value stands in a note, from left to right; they may overlap one another."""
    return _usual(_find(value, note))


def locate(value: str, note: str, taken: Collection[Place] = ()) -> Place | None:
    """The first (start, end) of a value in a note that is not taken yet; None when there is none.

    For answers without a reference at hand; scoring uses `place_values`, which knows the gold spans.
    """
    return next((place for place in places(value, note) if place not in taken), None)


def place_values(values: Iterable[tuple[str, str]], note: str, gold: Iterable[Span]) -> list[Span]:
    """One span for each (label, value) of an answer, in no particular order; `nowhere` for what is not in the note.

    Args:
        values: label and verbatim value, repeats included.
        note: the text that the values were copied from.
        gold: the reference's spans, which decide between several places of one value.
    """
    truth: dict[str, list[Place]] = defaultdict(list)
    for span in gold:
        truth[span.label].append((span.start, span.end))
    # Values that fold to the same text compete for the same places.
    spans: list[Span] = []
    for (label, value), times in sorted(Counter((label, _fold(value)) for label, value in values).items()):
        best = _best_places(value, note, truth.get(label, ()))[:times]
        spans += [Span(start, end, label) for start, end in best]
        spans += [nowhere(label)] * (times - len(best))
    return spans


def _best_places(value: str, note: str, gold: Sequence[Place]) -> list[Place]:
    found = _find(value, note)
    usual = _usual(found)
    # Some references mark parts of words.
    marked = [place for place, whole in found if place in gold and not whole and place not in usual]
    return sorted([*usual, *marked], key=lambda place: _rank(place, gold))


def _rank(place: Place, gold: Sequence[Place]) -> tuple[bool, bool, Place]:
    start, end = place
    return place not in gold, not any(left < end and start < right for left, right in gold), place


def _usual(found: Sequence[tuple[Place, bool]]) -> list[Place]:
    return [place for place, whole in found if whole] or [place for place, _ in found]


def _find(value: str, note: str) -> list[tuple[Place, bool]]:
    """Every place of a value, and whether it stands there as whole words."""
    wanted, folded = _fold(value), _folded_note(note)
    found = []
    at = folded.text.find(wanted) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        place = _in_note(folded, at), _in_note(folded, end - 1) + 1
        found.append((place, _whole_words(folded.text, at, end)))
        at = folded.text.find(wanted, at + 1)
    return found


def _fold(text: str) -> str:
    return " ".join((text.lower() if text.isascii() else "".join(map(_lower, text))).split())


def _lower(char: str) -> str:
    # Character by character, and one for one: offsets in a word stay, and a sigma at its end is one like any other.
    lower = char.lower()
    return lower if len(lower) == 1 else char


@lru_cache(maxsize=2)
def _folded_note(note: str) -> _Folded:
    text = _fold(note)
    starts = accumulate((len(word) + 1 for word in text.split(" ")), initial=0)
    return _Folded(text, list(starts), [word.start() for word in _WORD.finditer(note)])


def _in_note(folded: _Folded, position: int) -> int:
    """Where a character of the folded text that is no space stands in the original."""
    word = bisect_right(folded.starts, position) - 1
    return folded.original[word] + position - folded.starts[word]


def _whole_words(text: str, start: int, end: int) -> bool:
    cut_left = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    cut_right = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return not cut_left and not cut_right
