"""Scores that agree with eval4ner 0.1.0 (Chai, MIT licence), mode "type": for parity with published SDoH scores only.

Entities are (label, value) pairs without offsets. eval4ner's counts (after SemEval-2013 task 9.1), for each prediction
in the order of the answer, the first that applies:

1. correct: a gold entity left with the same label and the same value;
2. correct: a gold entity left with the same label that overlaps;
3. incorrect: a gold entity left with the same value, or one that overlaps, under another label;
4. spurious.

The gold entity is used up in 1 to 3. Then each gold entity, in order, is missed unless it overlaps a prediction, which
is used up in turn. Overlap means the first place of either value in the text, compared with case; a value that is not
in the text overlaps nothing.

    precision = correct / (correct + incorrect + spurious)      recall = correct / (correct + incorrect + missed)

A ratio without denominator is 0; nothing predicted where nothing is to be found scores 1 three times. What that costs:
a second mention of one value is never seen where it stands, the order of an answer changes its score, and a note with
nothing to find counts as solved. `clueplus.metrics.spans` is the measure to use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

Entity = tuple[str, str]  # label and value
_Overlap = Callable[[str, str], bool]


class Eval4nerScore(NamedTuple):
    """Precision, recall and F1 in [0, 1]."""

    precision: float
    recall: float
    f1: float


def eval4ner_type(predicted: Sequence[Entity], gold: Sequence[Entity], text: str) -> Eval4nerScore:
    """The score of one note, equal to eval4ner's `evaluate_one(predicted, gold, text)["type"]`."""
    if not predicted and not gold:
        return Eval4nerScore(1.0, 1.0, 1.0)
    first = {value: text.find(value) for _, value in (*predicted, *gold)}

    def overlap(left: str, right: str) -> bool:
        a, b = first[left], first[right]
        return a >= 0 and b >= 0 and max(a, b) < min(a + len(left), b + len(right))

    left_over = list(gold)
    outcomes = [_outcome(entity, left_over, overlap) for entity in predicted]
    correct, incorrect = outcomes.count("correct"), outcomes.count("incorrect")
    possible = correct + incorrect + _missed(predicted, gold, overlap)
    precision = correct / len(outcomes) if outcomes else 0.0
    recall = correct / possible if possible else 0.0
    f1 = 2 * precision * recall / (precision + recall) if correct else 0.0
    return Eval4nerScore(precision, recall, f1)


def eval4ner_mean(scores: Iterable[Eval4nerScore]) -> Eval4nerScore | None:
    """The unweighted mean over notes of each of the three, as eval4ner's `evaluate_all` has it; None without notes."""
    rows = list(scores)
    if not rows:
        return None
    precision, recall, f1 = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    return Eval4nerScore(precision, recall, f1)


def _outcome(entity: Entity, left_over: list[Entity], overlap: _Overlap) -> str:
    """What a prediction counts as; takes the gold entity that it uses up out of `left_over`."""
    label, value = entity
    steps: tuple[tuple[str, Callable[[Entity], bool]], ...] = (
        ("correct", lambda gold: gold == entity),
        ("correct", lambda gold: gold[0] == label and overlap(gold[1], value)),
        ("incorrect", lambda gold: gold[0] != label and gold[1] == value),
        ("incorrect", lambda gold: gold[0] != label and overlap(gold[1], value)),
    )
    for outcome, fits in steps:
        for number, gold in enumerate(left_over):
            if fits(gold):
                del left_over[number]
                return outcome
    return "spurious"


def _missed(predicted: Sequence[Entity], gold: Sequence[Entity], overlap: _Overlap) -> int:
    free, missed = list(predicted), 0
    for _, value in gold:
        number = next((number for number, (_, other) in enumerate(free) if overlap(value, other)), None)
        if number is None:
            missed += 1
        else:
            del free[number]
    return missed
