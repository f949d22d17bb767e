"""Pairs of items: the same document, asked in the same words, answered by two models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from clueplus.comparison.fields import Differing, NotComparableError
from clueplus.records.run import ItemRecord, Run

Components = Mapping[str, float | None]


class Pair(NamedTuple):
    """One item that both runs scored. `baseline` and `candidate` are its first answers, for what they say of the item.

    Components are means over the item's samples; None where no sample has a value.
    """

    baseline: ItemRecord
    candidate: ItemRecord
    baseline_components: Components
    candidate_components: Components


@dataclass(frozen=True)
class Pairing:
    """The items of a task: pairs in the baseline's order, and how many have no partner, by reason.

    `missing_baseline` and `missing_candidate` count items without a score on that side (an infrastructure error, or not
    recorded at all), `cut` those whose prompts had to be cut differently to fit the two models' contexts.
    """

    pairs: tuple[Pair, ...]
    missing_baseline: int
    missing_candidate: int
    cut: int


def by_task(run: Run) -> dict[str, Run]:
    """The run once a task, with the items of that task."""
    items: dict[str, list[ItemRecord]] = defaultdict(list)
    for item in run.items:
        items[item.task].append(item)
    return {task.name: run._replace(items=items[task.name]) for task in run.record.tasks}


def answers_of(run: Run, task: str) -> dict[tuple[str, int], ItemRecord]:
    """The answers of one task by document and sample: by what was asked, not by its place in a file.

    Raises:
        NotComparableError: a document stands there twice, so nobody can tell which answer belongs to which.
    """
    found: dict[tuple[str, int], ItemRecord] = {}
    for item in run.items:
        if item.task == task and found.setdefault((item.document_hash, item.sample), item) is not item:
            times = f"document {item.document_hash[:12]} twice in {run.folder}"
            raise NotComparableError(Differing("items", times, times, task))
    return found


def pair(baseline: Run, candidate: Run, task: str) -> Pairing:
    """The pairs of one task, by the content of document and prompt.

    Raises:
        NotComparableError: a document stands in one run twice, or a prompt that was not cut differs.
    """
    first, second = _by_document(baseline, task), _by_document(candidate, task)
    missing = {"baseline": sum(document not in first for document in second), "candidate": 0}
    cut = 0
    pairs = []
    for document, answers in first.items():
        others = second.get(document, [])
        scored, others_scored = _scored(answers), _scored(others)
        if others and answers[0].prompt_hash != others[0].prompt_hash:
            _check_cut(answers[0], others[0], task)
            cut += 1
        elif scored and others_scored:
            pairs.append(Pair(scored[0], others_scored[0], _mean(scored), _mean(others_scored)))
        else:
            missing["baseline"] += not scored
            missing["candidate"] += not others_scored
    return Pairing(tuple(pairs), missing["baseline"], missing["candidate"], cut)


def _by_document(run: Run, task: str) -> dict[str, list[ItemRecord]]:
    found: dict[str, list[ItemRecord]] = defaultdict(list)
    for (document, _), item in answers_of(run, task).items():
        found[document].append(item)
    return found


def _scored(answers: list[ItemRecord]) -> list[ItemRecord]:
    return [item for item in answers if item.outcome != "infrastructure_error"]


def _mean(answers: list[ItemRecord]) -> Components:
    """The components of an item, each the mean over the answers that have it."""
    if len(answers) == 1:
        return answers[0].components
    found: dict[str, float | None] = {}
    for name in dict.fromkeys(name for item in answers for name in item.components):
        values = [value for item in answers if (value := item.components.get(name)) is not None]
        found[name] = fmean(values) if values else None
    return found


def _check_cut(item: ItemRecord, other: ItemRecord, task: str) -> None:
    """A prompt differs because it was cut to another length, or because it is another prompt."""
    if item.cut == other.cut:
        document = f"(document {item.document_hash[:12]})"
        one, another = (f"{answer.prompt_hash[:12]} {document}" for answer in (item, other))
        raise NotComparableError(Differing("prompts", one, another, task))
