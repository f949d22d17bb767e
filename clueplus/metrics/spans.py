"""Span scoring on character offsets: one predicted span matches at most one gold span, and order never matters.

*Exact*: the same offsets (and label); with labels this is the F1 of CoNLL-2003, of seqeval and of MUC's "strict".
*Overlap*: at least one character in common (and the same label), MUC's and SemEval-2013's "type". The number of matches
is that of a maximum matching: the largest number of pairs that any one-to-one assignment reaches. Tools that walk
through the predictions and take the first free gold span (nervaluate, eval4ner) reach at most as many, and how many
depends on the order of the predictions.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Literal, NamedTuple

from clueplus.metrics.counts import Counts

Boundaries = Literal["exact", "overlap"]


class Span(NamedTuple):
    """A labelled stretch of a note: characters `start` to `end` - 1.

    A span that is not in the note at all is `nowhere`: it overlaps nothing, and equals no span of a note.
    """

    start: int
    end: int
    label: str


def nowhere(label: str) -> Span:
    """The span of a predicted value that is not in the note: counted as predicted, matched by nothing."""
    return Span(-1, -1, label)


def count_spans(
    predicted: Iterable[Span], gold: Iterable[Span], *, boundaries: Boundaries, labels: bool = True
) -> Counts:
    """Matched, predicted and gold spans of one note; repeats count as often as they come.

    Args:
        predicted: the model's spans, in any order.
        gold: the reference's spans, in any order.
        boundaries: "exact" for equal offsets, "overlap" for a character in common.
        labels: whether labels must be equal too.
    """
    ours, theirs = list(predicted), list(gold)
    if not labels:
        ours, theirs = [s._replace(label="") for s in ours], [s._replace(label="") for s in theirs]
    match = _exact if boundaries == "exact" else _overlap
    return Counts(match(ours, theirs), len(ours), len(theirs))


def count_by_label(predicted: Iterable[Span], gold: Iterable[Span], *, boundaries: Boundaries) -> dict[str, Counts]:
    """The counts of one note for each label that occurs on either side, sorted by label.

    Spans match only under one label, so these add up to `count_spans` with labels.
    """
    ours, theirs = _by_label(predicted), _by_label(gold)
    return {
        label: count_spans(ours.get(label, ()), theirs.get(label, ()), boundaries=boundaries)
        for label in sorted({*ours, *theirs})
    }


def _by_label(spans: Iterable[Span]) -> dict[str, list[Span]]:
    groups: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        groups[span.label].append(span)
    return dict(groups)


def _exact(ours: Sequence[Span], theirs: Sequence[Span]) -> int:
    common = Counter(span for span in ours if span.start < span.end) & Counter(theirs)
    return common.total()


def _overlap(ours: Sequence[Span], theirs: Sequence[Span]) -> int:
    if not ours or not theirs:
        return 0
    gold = _by_label(theirs)
    return sum(_most_pairs(spans, gold[label]) for label, spans in _by_label(ours).items() if label in gold)


def _most_pairs(ours: Sequence[Span], theirs: Sequence[Span]) -> int:
    """The size of a maximum matching of overlapping spans, in n log n steps.

    Of all spans left, take the one that ends first. All spans that overlap it hold its last character, so of two of
    them the one that ends later overlaps whatever the other one overlaps from here on: pairing with the one that ends
    first can't cost a pair. (Exchange argument: if a best matching pairs it with a later-ending one, swap the two.)
    """
    sides = [ours, theirs]
    spans = [(span.end, span.start, side) for side in (0, 1) for span in sides[side] if span.start < span.end]
    by_end = sorted(spans)
    by_start = sorted(range(len(by_end)), key=lambda number: by_end[number][1])
    waiting: tuple[list[int], list[int]] = ([], [])  # by side, spans that have begun, as numbers in the order of ends
    done = [False] * len(by_end)
    begun = pairs = 0
    for number, (end, _, side) in enumerate(by_end):
        while begun < len(by_start) and by_end[by_start[begun]][1] < end:
            heappush(waiting[by_end[by_start[begun]][2]], by_start[begun])
            begun += 1
        if done[number]:
            continue
        done[number] = True
        others = waiting[1 - side]
        while others and done[others[0]]:
            heappop(others)
        if others:
            done[heappop(others)] = True
            pairs += 1
    return pairs
