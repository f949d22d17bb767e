"""Evidence from two runs: every item against itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clueplus.comparison.fields import check_tasks, task_record
from clueplus.comparison.pairing import Pairing, answers_of, pair
from clueplus.files import canonical_json, sha256
from clueplus.gate.advice import advise
from clueplus.gate.checks import Score
from clueplus.gate.evidence import Evidence, mean_of
from clueplus.gate.policy import AVERAGE, Policy
from clueplus.records.run import ItemRecord, Run, TaskRecord
from clueplus.statistics.bootstrap import cluster_bootstrap
from clueplus.statistics.column import linearise
from clueplus.statistics.intervals import mean_of_means_interval
from clueplus.statistics.paired import Difference, paired_difference, paired_influence
from clueplus.statistics.power import minimum_detectable_effect, power, variance_components

Array = NDArray[np.float64]
RESAMPLES = 10_000


@dataclass(frozen=True)
class PairedTask:
    """One task of two runs: what its items say, and the difference that a mean over tasks is made of."""

    evidence: Evidence
    difference: Difference


def compare_pairs(baseline: Run, candidate: Run, task: str, margin: float, alpha: float) -> PairedTask:
    """The evidence on one task that both runs have.

    Args:
        baseline: what the candidate is measured against.
        candidate: the run in question.
        task: its name.
        margin: a fraction of 1, for the power.
        alpha: one-sided.

    Raises:
        NotComparableError: the runs did not do the same work; the first field that differs is named.
    """
    check_tasks(baseline, candidate, task)
    pairing = pair(baseline, candidate, task)
    record = task_record(candidate, task)
    names = list(record.components)
    before = _matrix([p.baseline_components for p in pairing.pairs], names)
    after = _matrix([p.candidate_components for p in pairing.pairs], names)
    clusters = [p.baseline.cluster for p in pairing.pairs]
    found = paired_difference(before, after, clusters)
    known = found.delta is not None
    resampled = None
    if found.se is not None:
        resampled = cluster_bootstrap(
            paired_influence(before, after), clusters, confidence=1 - 2 * alpha, resamples=RESAMPLES
        ).low
    advice = advise(found, margin, alpha, record, _within(baseline, candidate, task, record))
    evidence = replace(
        bounded(found, margin, alpha),
        baseline=linearise(before).score if known else None,
        candidate=linearise(after).score if known else None,
        low_bootstrap=resampled,
        unpaired=_unpaired(pairing),
        needed=advice and advice.items,
        advice=advice and advice.text,
        work=_work(record),
        reason=found.reason if known else _why_none(baseline, candidate, task) or found.reason,
    )
    return PairedTask(evidence, found)


def mean_evidence(found: Difference, tasks: Sequence[Evidence], margin: float, alpha: float) -> Evidence:
    """The evidence on the mean of several tasks, whose difference is `found`."""
    baseline, candidate = mean_of([e.baseline for e in tasks]), mean_of([e.candidate for e in tasks])
    return replace(bounded(found, margin, alpha), baseline=baseline, candidate=candidate)


def bounded(found: Difference, margin: float, alpha: float) -> Evidence:
    """A difference with its bounds, its p value and its power."""
    p = found.one_sided_p()
    chance = detectable = None
    if found.se is not None and found.df is not None:
        chance = power(found.se, found.df, margin=margin, alpha=alpha)
        detectable = minimum_detectable_effect(found.se, found.df, alpha=alpha)
    return Evidence(
        difference=found.delta,
        standard_error=found.se,
        low=found.lower(alpha),
        high=found.upper(alpha),
        p=None if p is None else p.less,
        pairs=found.n,
        clusters=found.clusters,
        power=chance,
        detectable=detectable,
        reason=found.reason,
    )


def _why_none(baseline: Run, candidate: Run, task: str) -> str | None:
    """Why a side has no score, in the words of its record: a missing metric model, for example."""
    sides = (("baseline", baseline), ("candidate", candidate))
    scores = [(side, task_record(run, task).score) for side, run in sides]
    reasons = {side: str(score.reason) for side, score in scores if score.value is None}
    if len(reasons) == 2 and len(set(reasons.values())) == 1:
        return reasons["baseline"]
    return "; ".join(f"{side}: {reason}" for side, reason in reasons.items()) or None


def _unpaired(pairing: Pairing) -> int:
    """Items without a partner: those that failed on one side or both, and those cut to different lengths."""
    return pairing.missing_baseline + pairing.missing_candidate + pairing.cut


def _work(task: TaskRecord) -> str:
    asked = [task.name, task.version, task.scoring, task.data.documents, task.documents, task.shots]
    return sha256(canonical_json(asked))[:16]


def _within(baseline: Run, candidate: Run, task: str, record: TaskRecord) -> float | None:
    """The variance of one sample's difference within an item; None where an item was asked once."""
    if record.samples < 2:
        return None
    parts = [variance_components(_samples(run, task)) for run in (baseline, candidate)]
    return None if None in parts else sum(part.within for part in parts if part is not None)


def _samples(run: Run, task: str) -> Array:
    """(items, samples): each answer's mean component."""
    rows: dict[str, list[float]] = defaultdict(list)
    for item in answers_of(run, task).values():
        values = [value for value in item.components.values() if value is not None]
        if item.outcome != "infrastructure_error" and values:
            rows[item.document_hash].append(sum(values) / len(values))
    width = max(map(len, rows.values()), default=0)
    return np.array([row + [np.nan] * (width - len(row)) for row in rows.values()]).reshape(len(rows), width)


def candidate_score(run: Run, task: str, policy: Policy) -> Score:
    """The candidate's own score and answers, as far as a promise of the policy asks for them.

    Its one-sided bounds, over every item that it answered, are for floors and targets; right items are for zero
    tolerance.
    """
    record = task_record(run, task)
    score = Score(value=record.score.value, outcomes=record.outcomes)
    items = [item for item in run.items if item.task == task] if _promised(policy, task) else []
    answered = [item for item in items if item.outcome != "infrastructure_error"]
    if not answered or record.score.value is None:
        return score
    names = list(record.components)
    matrix = _matrix([item.components for item in answered], names)
    interval = mean_of_means_interval(matrix, [item.cluster for item in answered], 1 - 2 * policy.alpha)
    failed = {item.id for item in items if item.outcome == "infrastructure_error"}
    groups = {item.id: item.groups for item in items}
    return replace(score, low=interval.low, high=interval.high, right=_right(answered, failed), groups=groups)


def _promised(policy: Policy, task: str) -> bool:
    """Whether the policy promises something of this task's score or items; looking costs time."""
    targets = (place for target in policy.targets for place in target.of)
    return (
        policy.task(task).floor is not None
        or any(place in (task, AVERAGE) for place in targets)
        or any(rule.task == task for rule in policy.zero_tolerance)
    )


def _right(answered: Sequence[ItemRecord], failed: set[str]) -> dict[str, bool]:
    """By item, whether every answer to it was right; items of which an answer is missing are left out."""
    found: dict[str, bool] = {}
    for item in answered:
        values = [value for value in item.components.values() if value is not None]
        found[item.id] = found.get(item.id, True) and bool(values) and all(value == 1.0 for value in values)
    return {name: right for name, right in found.items() if name not in failed}


def _matrix(items: Sequence[Mapping[str, float | None]], names: Sequence[str]) -> Array:
    """(items, components), NaN where an item lacks a component."""
    rows = [[np.nan if (value := item.get(name)) is None else value for name in names] for item in items]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
