"""Which of fourteen chest observations a radiology text asserts, denies or leaves open, and F1 between two texts.

Rules only: no model, no download. They are this project's own (see `observation_rules`) and agree with no other labeler
by construction; compare their F1 only with itself. One pass over the words: a phrase table finds findings, parts of the
chest with their adjectives, and cues of negation and doubt, whose reach ends with the clause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from clueplus.metrics.observation_rules import (
    ABNORMALITY,
    ASSERTING,
    BEGINNING,
    BORDERLINE,
    JOINING,
    LISTING,
    OBSERVATIONS,
    OPEN,
    STRUCTURES,
    VERBS,
    Kind,
    phrase_table,
    split,
    words,
)

NO_FINDING, DEVICES = "No Finding", "Support Devices"
_NEAR = 4  # words from an adjective to the part that it stands before: "enlarged, globular heart"


class Label(StrEnum):
    """What a text says of an observation that it mentions."""

    POSITIVE = "positive"
    UNCERTAIN = "uncertain"
    NEGATIVE = "negative"


Labels = Mapping[str, Label]


class ObservationF1(NamedTuple):
    """F1 of positive observations, in [0, 1]; None where there is nothing to find and nothing found."""

    micro: float | None
    """2 TP / (2 TP + FP + FN), with the counts of all observations added."""
    macro: float | None
    """The mean over the observations that have an F1."""
    by_observation: dict[str, float | None]
    reason: str | None = None


def observation_labels(report: str) -> dict[str, Label]:
    """The observations that a text mentions, with their labels, in the usual order.

    Of several mentions a positive one counts before an uncertain and that before a negative one. "No Finding" is
    positive where the text denies something, or says that the chest is normal, and nothing but support devices is
    positive or uncertain; it has no other label. A text that says nothing about the chest has no labels.
    """
    found: dict[str, Label] = {}
    for sentence in _sentences(report):
        for name, label in _Sentence(sentence).mentions():
            found[name] = min(found.get(name, label), label, key=list(Label).index)
    seen = {name for name, label in found.items() if label is not Label.NEGATIVE} - {DEVICES, ABNORMALITY}
    denied = {name for name, label in found.items() if label is Label.NEGATIVE} - {DEVICES}
    if denied and not seen:
        found[NO_FINDING] = Label.POSITIVE
    return {name: found[name] for name in OBSERVATIONS if name in found}


def positives(labels: Labels, *, uncertain: bool = False) -> frozenset[str]:
    """The observations that are positive; with `uncertain`, those that may be as well."""
    wanted = {Label.POSITIVE, Label.UNCERTAIN} if uncertain else {Label.POSITIVE}
    return frozenset(name for name, label in labels.items() if label in wanted)


def observation_f1(
    predictions: Sequence[Labels], references: Sequence[Labels], *, uncertain: bool = False
) -> ObservationF1:
    """Micro and macro F1 over the positive labels of many texts.

    An observation that is positive on neither side of any pair has no F1 and no part in the macro mean; scikit-learn
    would count it as 0, so that a perfect prediction does not get 1.

    Args:
        predictions: the labels of each generated text.
        references: the labels of each text written by a human, as many.
        uncertain: whether an uncertain label counts as positive.

    Raises:
        ValueError: the two differ in length.

    Source of the formulas: Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008, section 13.6.
    """
    pairs = [
        (positives(ours, uncertain=uncertain), positives(theirs, uncertain=uncertain))
        for ours, theirs in zip(predictions, references, strict=True)
    ]
    hits = {name: sum(name in ours and name in theirs for ours, theirs in pairs) for name in OBSERVATIONS}
    sides = {name: sum((name in ours) + (name in theirs) for ours, theirs in pairs) for name in OBSERVATIONS}
    by_observation = {name: 2 * hits[name] / sides[name] if sides[name] else None for name in OBSERVATIONS}
    known = [value for value in by_observation.values() if value is not None]
    if not known:
        return ObservationF1(None, None, by_observation, "no text has a positive observation")
    return ObservationF1(2 * sum(hits.values()) / sum(sides.values()), sum(known) / len(known), by_observation)


def observation_pair_f1(prediction: str, reference: str, *, uncertain: bool = False) -> float | None:
    """F1 of the positive observations of one pair of texts, in [0, 1]; None where neither text has any."""
    return observation_f1([observation_labels(prediction)], [observation_labels(reference)], uncertain=uncertain).micro


def _sentences(report: str) -> Iterator[list[str]]:
    """The words of each sentence. Wrapped lines go on; list items, headings and blank lines begin anew."""
    sentence: list[str] = []
    shouted = report.isupper()  # then a capital letter begins nothing
    for line in report.splitlines():
        start = line.strip()[:1]
        goes_on = start.islower() or (start.isalpha() and shouted) or (bool(sentence) and sentence[-1] in OPEN)
        if not start or not goes_on:
            yield sentence
            sentence = []
        for word in words(line):
            if word in ".;!?":
                yield sentence
                sentence = []
            else:
                sentence.append(word)
    yield sentence


class _Mention(NamedTuple):
    name: str
    label: Label


class _Sentence:
    """One pass over a sentence: the reach of the last cue, the mentions, the parts that wait for an adjective."""

    def __init__(self, sentence: Sequence[str]) -> None:
        self.words = sentence
        self.done: list[_Mention] = []
        self.open: list[_Mention] = []  # those that a later cue may still change
        self.has_verb = False
        self.reach: Kind | None = None
        self.parts: list[str] = []
        self.adjective: tuple[int, str] | None = None
        self.last_listing = max((n for n, word in enumerate(sentence) if word in LISTING), default=-1)

    def mentions(self) -> list[_Mention]:
        position = 0
        for found in phrase_table().find(self.words):
            self._pass(position, found.start)
            self._take(found.start, found.end, found.value.kind, found.value.names)
            position = found.end
        return [*self.done, *self.open]

    def _pass(self, start: int, end: int) -> None:
        """The words between two phrases: some end the reach of what came before."""
        for position in range(start, end):
            word = self.words[position]
            if word in JOINING and self._begins(position):
                self.reach = None
            if word in JOINING and (self.has_verb or (word == "," and position > self.last_listing)):
                self._close()  # "effusion has grown and pneumothorax has resolved": only the last one has
            self.has_verb |= word in VERBS

    def _begins(self, joining: int) -> bool:
        """Whether a statement of its own follows a comma, an "and" or a "with"."""
        if self.words[joining] == "," and joining < self.last_listing:
            return False  # "no effusion, large mass, or pneumothorax": one list
        following = self.words[joining + 1 : joining + 2]
        return bool(following) and (following[0] in BEGINNING or following[0] in ASSERTING)

    def _take(self, start: int, end: int, kind: Kind, names: tuple[str, ...]) -> None:
        after_comma = start > 0 and self.words[start - 1] == "," and start > self.last_listing
        if after_comma and kind in (Kind.STRUCTURE, Kind.MAYBE_BEFORE):
            self.reach = None  # "no effusion, heart enlarged"; "no effusion, possible nodule"
        if kind is Kind.FINDING:
            self.open += [_Mention(name, self._label(Label.POSITIVE)) for name in names if self._counts()]
        elif kind is Kind.STRUCTURE:
            self._parts(start, names)
        elif kind is Kind.STATE:
            self._state(end, names[0])
        elif kind is Kind.STOP:
            self._stop()
        elif kind is not Kind.NONE:
            self._cue(kind)

    def _cue(self, kind: Kind) -> None:
        if kind is Kind.NO_AFTER:
            self.open = [mention._replace(label=Label.NEGATIVE) for mention in self.open]
            self._close()
            self.reach = None
        elif kind in (Kind.MAYBE_AFTER, Kind.MAYBE_AROUND):
            self.open = [mention._replace(label=_doubted(mention.label)) for mention in self.open]
            self._close()
            self.reach = Kind.MAYBE_BEFORE if kind is Kind.MAYBE_AROUND else None
        elif not (self.reach is Kind.NO_BEFORE and kind is Kind.MAYBE_BEFORE):  # "no evidence to suggest" denies
            self.reach = kind

    def _counts(self) -> bool:
        return self.reach is not Kind.ASKED_BEFORE

    def _label(self, plain: Label) -> Label:
        if self.reach is Kind.NO_BEFORE:
            return Label.NEGATIVE
        return _doubted(plain) if self.reach is Kind.MAYBE_BEFORE else plain

    def _parts(self, start: int, names: tuple[str, ...]) -> None:
        for name in names:
            near = self.adjective is not None and start - self.adjective[0] < _NEAR
            if not (near and self.adjective and self._judge(name, self.adjective[1])) and name not in self.parts:
                self.parts.append(name)

    def _state(self, end: int, state: str) -> None:
        judged = [name for name in self.parts if self._judge(name, state)]
        self.parts = [name for name in self.parts if name not in judged]
        self.adjective = None if judged else (end, state)

    def _judge(self, name: str, state: str) -> bool:
        """Notes what an adjective says of a part; False where it says nothing of it."""
        structure = STRUCTURES[name]
        if state in split(structure.normal):
            plain = Label.NEGATIVE
        elif state in split(structure.abnormal):
            plain = Label.POSITIVE
        elif structure.abnormal and state in split(BORDERLINE):
            plain = Label.UNCERTAIN
        else:
            return False
        denied = self.reach is Kind.NO_BEFORE
        if self._counts() and not (denied and plain is not Label.POSITIVE):  # "not normal" does not say how
            self.open.append(_Mention(name, self._label(plain)))
        return True

    def _close(self) -> None:
        self.done += self.open
        self.open, self.has_verb = [], False

    def _stop(self) -> None:
        self._close()
        self.reach, self.parts, self.adjective = None, [], None


def _doubted(label: Label) -> Label:
    return Label.UNCERTAIN if label is Label.POSITIVE else label
