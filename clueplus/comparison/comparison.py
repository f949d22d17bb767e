"""Two runs, task by task and on the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from clueplus.comparison.fields import (
    Differing,
    NotComparableError,
    check_runs,
    of_the_model,
    task_record,
)
from clueplus.comparison.pairing import by_task
from clueplus.comparison.task import TaskComparison, compare_task
from clueplus.errors import ClueplusError, did_you_mean
from clueplus.records.run import Run
from clueplus.statistics.macro import mean_difference
from clueplus.statistics.multiplicity import holm
from clueplus.statistics.paired import Difference, no_difference


@dataclass(frozen=True)
class Description:
    """Which run it was."""

    name: str
    run: str
    variant: str
    clueplus: str
    created: datetime


@dataclass(frozen=True)
class Comparison:
    """The candidate against the baseline.

    `tasks` are those that both runs have; `only_baseline` and `only_candidate` name the others. `macro` is the mean of
    the tasks' differences, without a value as soon as one task of either run has none. `of_the_model` are differences
    of the models themselves (chat template, stop strings), which whoever compares checkpoints of one family may refuse.
    """

    baseline: Description
    candidate: Description
    tasks: tuple[TaskComparison, ...]
    only_baseline: tuple[str, ...]
    only_candidate: tuple[str, ...]
    macro: Difference
    of_the_model: tuple[Differing, ...]
    notes: tuple[str, ...]


def compare(baseline: Run, candidate: Run, tasks: Sequence[str] = ()) -> Comparison:
    """Compares two runs, item by item.

    Args:
        baseline: what the candidate is measured against.
        candidate: the run in question.
        tasks: only these, all that there are when empty.

    Raises:
        NotComparableError: the runs did not do the same work, or have no task in common; the first field is named.
        ClueplusError: a task of `tasks` is in neither run.
    """
    check_runs(baseline, candidate)
    first, second = _names(baseline), _names(candidate)
    wanted = _wanted(tasks, list(dict.fromkeys([*first, *second])))
    shared = [name for name in wanted if name in first and name in second]
    if not shared:
        raise NotComparableError(Differing("tasks", ", ".join(first), ", ".join(second)))
    ours, theirs = by_task(baseline), by_task(candidate)
    compared = _adjusted([compare_task(ours[name], theirs[name], name) for name in shared])
    only_baseline = tuple(name for name in wanted if name not in second)
    only_candidate = tuple(name for name in wanted if name not in first)
    of_models = of_the_model(baseline, candidate, shared)
    return Comparison(
        baseline=describe(baseline),
        candidate=describe(candidate),
        tasks=compared,
        only_baseline=only_baseline,
        only_candidate=only_candidate,
        macro=_whole(compared, [*only_baseline, *only_candidate]),
        of_the_model=of_models,
        notes=(*_notes_on_runs(baseline, candidate, of_models), *_notes_on_tasks(baseline, candidate, compared)),
    )


def describe(run: Run) -> Description:
    """Which run it is."""
    record = run.record
    return Description(record.model.name, record.run, record.variant, record.clueplus, record.created)


def _names(run: Run) -> list[str]:
    return [task.name for task in run.record.tasks]


def _wanted(asked: Sequence[str], known: list[str]) -> list[str]:
    for name in asked:
        if name not in known:
            raise ClueplusError(f"no run has a task '{name}'", fix=did_you_mean(name, known))
    return [name for name in known if name in asked or not asked]


def _adjusted(tasks: Sequence[TaskComparison]) -> tuple[TaskComparison, ...]:
    adjusted = holm([task.p for task in tasks])
    return tuple(replace(task, p_holm=p) for task, p in zip(tasks, adjusted, strict=True))


def _whole(tasks: Sequence[TaskComparison], elsewhere: Sequence[str]) -> Difference:
    """The mean of all tasks; without those that lack a difference it would look like it and be another number."""
    mean = mean_difference([task.difference for task in tasks])
    lacking = [task.task for task in tasks if task.difference.delta is None]
    reasons = [f"no difference in {', '.join(lacking)}"] if lacking else []
    reasons += [f"only one run has {', '.join(elsewhere)}"] if elsewhere else []
    return no_difference(None, "; ".join(reasons), n=mean.n, clusters=mean.clusters) if reasons else mean


def _notes_on_runs(baseline: Run, candidate: Run, of_models: Sequence[Differing]) -> Iterator[str]:
    a, b = baseline.record, candidate.record
    if a == b:
        yield "both are the same run"
    for name, value, other in (
        ("clueplus version", a.clueplus, b.clueplus),
        ("engine", a.model.engine, b.model.engine),
    ):
        if value != other:
            yield f"{name}: {value or 'unknown'} and {other or 'unknown'}"
    yield from (f"{d.field}: {d.baseline} and {d.candidate}; it is part of what is compared" for d in of_models)


def _notes_on_tasks(baseline: Run, candidate: Run, tasks: Sequence[TaskComparison]) -> Iterator[str]:
    for task in tasks:
        records = [task_record(run, task.task) for run in (baseline, candidate)]
        yield from (f"{task.task}: no items: {record.no_items}" for record in records if record.no_items)
        samples, others = (record.samples for record in records)
        if samples != others:
            yield f"{task.task}: {samples} and {others} samples an item; each item counts with its mean"
        if task.missing_baseline or task.missing_candidate:
            yield (
                f"{task.task}: items without a score are left out: {task.missing_baseline} of the baseline,"
                f" {task.missing_candidate} of the candidate"
            )
        if task.cut:
            yield f"{task.task}: {task.cut} items are left out, whose prompts were cut differently to fit the contexts"
        if task.difference.delta is None:
            yield f"{task.task}: no difference: {task.difference.reason}"
