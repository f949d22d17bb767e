"""What stands beside sentence accuracy when a model is asked for the wrong sentence of a note (MEDEC).

Ben Abacha et al., Findings of ACL 2025, score the flag (is there an error?) and the sentence by accuracy. Half of the
notes are right, so an answer of -1 everywhere gets half of both; the two sides of that mean are given apart here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

NO_ERROR = -1


class Judged(NamedTuple):
    """One note: the sentence number answered (-1: no error; None: unscorable), the true one, and the kind of error."""

    predicted: int | None
    truth: int
    error_type: str | None = None


class Rate(NamedTuple):
    """A share in [0, 1] of n notes, or the reason why there is none."""

    value: float | None
    n: int
    reason: str | None = None


class ErrorDetection(NamedTuple):
    """Shares of notes; an unscorable answer is wrong in all of them."""

    accuracy: Rate
    """The right number, -1 included: the task's column."""
    flag_accuracy: Rate
    """Rightly said whether there is an error."""
    flag_balanced_accuracy: Rate
    """The mean of that share on notes with and on notes without an error; 0.5 for one and the same answer."""
    error_note_accuracy: Rate
    """The right sentence, of the notes with an error."""
    error_note_flagged: Rate
    """Some sentence, of the notes with an error."""
    clean_note_accuracy: Rate
    """Left alone, of the notes without an error."""
    by_error_type: dict[str, Rate]
    """The right sentence, of the notes with an error of this kind; in the order of their names."""


def flag_correct(predicted: int | None, truth: int) -> bool:
    """Whether the answer says rightly that the note has an error or has none."""
    return predicted is not None and _has_error(predicted) == _has_error(truth)


def error_detection(items: Iterable[Judged]) -> ErrorDetection:
    """All measures of a set of notes. A measure without notes has no value but a reason.

    Raises:
        ValueError: a true number is below -1, or a kind of error is given for a note without one.
    """
    notes = list(items)
    for note in notes:
        if note.truth < NO_ERROR or (note.error_type is not None and not _has_error(note.truth)):
            raise ValueError(f"sentence {note.truth} can't have an error of the type {note.error_type!r}")
    wrong = [note for note in notes if _has_error(note.truth)]
    clean = [note for note in notes if not _has_error(note.truth)]
    flagged, left_alone = _rate(_flags(wrong), "a note with an error"), _rate(_flags(clean), "a note without an error")
    kinds = sorted({note.error_type for note in wrong if note.error_type is not None})
    return ErrorDetection(
        accuracy=_rate(_exact(notes), "a note"),
        flag_accuracy=_rate(_flags(notes), "a note"),
        flag_balanced_accuracy=_mean(flagged, left_alone),
        error_note_accuracy=_rate(_exact(wrong), "a note with an error"),
        error_note_flagged=flagged,
        clean_note_accuracy=left_alone,
        by_error_type={kind: _rate(_exact([n for n in wrong if n.error_type == kind]), kind) for kind in kinds},
    )


def _has_error(sentence: int) -> bool:
    # Every negative number says "no error"; as a sentence number only -1 is the right one.
    return sentence >= 0


def _exact(notes: Sequence[Judged]) -> list[bool]:
    return [note.predicted == note.truth for note in notes]


def _flags(notes: Sequence[Judged]) -> list[bool]:
    return [flag_correct(note.predicted, note.truth) for note in notes]


def _rate(hits: Sequence[bool], what: str) -> Rate:
    if not hits:
        return Rate(None, 0, f"no item is {what}")
    return Rate(sum(hits) / len(hits), len(hits))


def _mean(first: Rate, second: Rate) -> Rate:
    n = first.n + second.n
    if first.value is None or second.value is None:
        return Rate(None, n, first.reason or second.reason)
    return Rate((first.value + second.value) / 2, n)
