"""From stored answers to a row: a pure step, so a row is whatever its answers say, however often the run was killed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from clueplus.models import Answer
from clueplus.training.synthesis.checks import fault_of_instruction, fault_of_pair
from clueplus.training.synthesis.recipe import Judged, Recipe
from clueplus.training.synthesis.sampling import Draw
from clueplus.training.synthesis.structured import Example, MalformedError, read_exercise, read_scores

CUT_OFF = "cut off by the token limit"
NO_PAIR = "no pair passes the checks"


@dataclass(frozen=True, repr=False)
class Row:
    """A finished row: what it asked for, the candidate or why there is none, and the scores of pairs by their place."""

    number: int
    draw: Draw
    candidate: Candidate | str
    scores: dict[int, Scores]


@dataclass(frozen=True, repr=False)
class Candidate:
    """What generation gave: an instruction, the examples that pass the checks by their place, and why others do not.

    Without an example, the row is rejected.
    """

    instruction: str
    examples: dict[int, Example]
    rejected: list[str]


@dataclass(frozen=True, repr=False)
class Scores:
    """The mean of each criterion over the answers that could be read, and why others could not.

    `means` is None where fewer than half of them could be.
    """

    means: dict[str, float] | None
    samples: int
    unreadable: list[str]


def read_candidate(recipe: Recipe, draw: Draw, answer: Answer, text: str) -> Candidate | str:
    """The candidate in an answer, or the reason why the whole row is rejected.

    Args:
        recipe: its checks and number of pairs.
        draw: what the row asked for.
        answer: what came.
        text: of the answer, without what the model thought aloud.
    """
    if answer.finish_reason == "length":
        return CUT_OFF
    try:
        exercise = read_exercise(text, recipe.generated.pairs, draw["output_format"])
    except MalformedError as error:
        return f"malformed: {error}"
    fault = fault_of_instruction(exercise.instruction, recipe.checked)
    if fault:
        return fault
    kept: dict[int, Example] = {}
    rejected: list[str] = []
    for place, example in enumerate(exercise.examples):
        fault = fault_of_pair(example.input, example.output, draw["output_format"], recipe.checked)
        if fault is None and any(example.input == other.input for other in kept.values()):
            fault = "input: twice in one row"
        if fault:
            rejected.append(fault)
        else:
            kept[place] = example
    return Candidate(exercise.instruction, kept, rejected)


def mean_scores(judged: Judged, answers: Sequence[tuple[Answer, str]]) -> Scores:
    """The scores of a pair, from the judge's answers, each with its text without what the judge thought aloud."""
    read: list[dict[str, int]] = []
    unreadable: list[str] = []
    for answer, text in answers:
        if answer.finish_reason == "length":
            unreadable.append(CUT_OFF)
            continue
        try:
            read.append(read_scores(text, judged.criteria, judged.lowest, judged.highest))
        except MalformedError as error:
            unreadable.append(str(error))
    enough = 2 * len(read) >= judged.samples
    means = {name: fmean(scores[name] for scores in read) for name in judged.criteria} if enough else None
    return Scores(means, len(read), unreadable)
