"""What two runs must have in common before a number of one may be set against a number of the other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clueplus.errors import ClueplusError
from clueplus.records.run import ModelRecord, Run, TaskRecord

# Names with their values, in the order in which they are looked at.
Fields = Iterator[tuple[str, str]]

_HASH = re.compile(r"[0-9a-f]{64}")
_ABSENT = "none"


@dataclass(frozen=True)
class Differing:
    """A field of two records that is not the same; `task` is None for one of the whole run. Hashes are shortened."""

    field: str
    baseline: str
    candidate: str
    task: str | None = None

    def between(self, baseline: str, candidate: str) -> str:
        """The field and both values, as one line that calls the runs so."""
        where = f"{self.task}: " if self.task else ""
        return f"{where}{self.field} is {self.baseline} in {baseline} and {self.candidate} in {candidate}"


class NotComparableError(ClueplusError):
    """Two runs that did not do the same work; `differing` is the first field that shows it.

    Args:
        differing: the field and both values.
        baseline: what the message calls the one run; `candidate` the other.
        candidate: see `baseline`.
    """

    def __init__(self, differing: Differing, baseline: str = "the baseline", candidate: str = "the candidate") -> None:
        self.differing = differing
        fix = _FIXES.get(differing.field.partition(".")[0], _FIX)
        super().__init__(f"not comparable: {differing.between(baseline, candidate)}", fix=fix)


_FIX = "evaluate both with the same task, data and settings"
_FIXES = {
    "status": "an incomplete run is no result: run its command again, only what failed is asked again",
    "tasks": "evaluate both on the same tasks",
    "variant": "evaluate both with the same --variant",
    "api": "evaluate both with the same --api",
    "limit": "evaluate both with the same --limit",
    "scoring": "score both anew with one version: clueplus score RUN",
}


def check_runs(baseline: Run, candidate: Run) -> None:
    """Raises unless both runs are results, over the same kind of data, asked through the same API.

    Raises:
        NotComparableError: the first field that differs.
    """
    if "incomplete" in (baseline.record.status, candidate.record.status):
        raise NotComparableError(Differing("status", _status(baseline), _status(candidate)))
    _raise_first(_run_fields(baseline), _run_fields(candidate), None)


def check_tasks(baseline: Run, candidate: Run, task: str) -> None:
    """Raises unless both runs did the same work on one task that both have.

    Every field of the record that can move a score must agree, but those that belong to the model (`of_the_model`).
    Prompts are compared item by item, where cut ones can be told from changed ones (`pairing.pair`).

    Raises:
        NotComparableError: the first field that differs.
    """
    a, b = task_record(baseline, task), task_record(candidate, task)
    shared = a.metric_models.keys() & b.metric_models.keys()
    _raise_first(_task_fields(a, baseline.record.model, shared), _task_fields(b, candidate.record.model, shared), task)
    # A limit above the number of documents is none, so it counts only when it left out others.
    if a.documents != b.documents:
        raise NotComparableError(Differing("limit", _limit(a), _limit(b), task))


def of_the_model(baseline: Run, candidate: Run, tasks: list[str]) -> tuple[Differing, ...]:
    """What differs and belongs to the models: their chat templates and their own stop strings.

    Two models of different families can't share these, so they are no reason to refuse a comparison; whoever compares
    two checkpoints of one family must hear of it, because then a changed template is a changed experiment.
    """
    found = []
    a, b = baseline.record.model, candidate.record.model
    template, other = _templates(a, tasks), _templates(b, tasks)
    if "baseline" not in (a.kind, b.kind) and template != other:
        found.append(Differing("template", template, other))
    if a.stop != b.stop:
        found.append(Differing("stop", str(a.stop), str(b.stop)))
    return tuple(found)


def task_record(run: Run, task: str) -> TaskRecord:
    """The record of a task that the run has."""
    return next(record for record in run.record.tasks if record.name == task)


def _raise_first(baseline: Fields, candidate: Fields, task: str | None) -> None:
    ours, theirs = dict(baseline), dict(candidate)
    for field in dict.fromkeys([*ours, *theirs]):
        a, b = ours.get(field, _ABSENT), theirs.get(field, _ABSENT)
        if a != b:
            raise NotComparableError(Differing(field, a, b, task))


def _run_fields(run: Run) -> Fields:
    yield "variant", run.record.variant
    yield "api", run.record.model.api


def _task_fields(task: TaskRecord, model: ModelRecord, metric_models: set[str]) -> Fields:
    yield "version", str(task.version)
    yield "scoring", task.scoring
    yield "components", ", ".join(sorted(task.components))
    # One that a run lacks leaves its component without a value, which is told there.
    yield from ((f"metric_models.{name}", task.metric_models[name]) for name in sorted(metric_models))
    yield "shots", str(task.shots)
    yield from ((f"data.documents.{split}", _short(digest)) for split, digest in sorted(task.data.documents.items()))
    decoding = {**task.decoding, "stop": own_stops(task, model)}
    yield from ((f"decoding.{name}", _short(value)) for name, value in sorted(decoding.items()))


def own_stops(task: TaskRecord, model: ModelRecord) -> list[str]:
    """The stop strings of the task itself: those of the model are appended to them."""
    stops = list(task.decoding.get("stop", []))
    own = len(stops) - len(model.stop)
    return stops[:own] if stops[own:] == model.stop else stops


def _templates(model: ModelRecord, tasks: list[str]) -> str:
    found = {model.identity.get(task, {}).get("template") for task in tasks}
    return ", ".join(sorted("unknown" if template is None else _short(template) for template in found))


def _status(run: Run) -> str:
    record = run.record
    return record.status if record.reason is None else f"{record.status} ({record.reason})"


def _limit(task: TaskRecord) -> str:
    return f"{_ABSENT if task.limit is None else task.limit} ({task.documents} documents)"


def _short(value: Any) -> str:
    """A value as a reader can take it in; 12 digits of a hash tell it from any other."""
    text = str(value)
    return text[:12] if _HASH.fullmatch(text) else text
