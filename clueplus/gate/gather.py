"""What is learnt of two sides: evidence by task and on the average, promises, and what a reader must be told."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clueplus.comparison.fields import Differing, NotComparableError, check_runs, of_the_model
from clueplus.comparison.pairing import by_task
from clueplus.comparison.wording import percent, points
from clueplus.errors import ClueplusError
from clueplus.gate.checks import Score, all_checks
from clueplus.gate.evidence import Evidence
from clueplus.gate.paired import candidate_score, compare_pairs, mean_evidence
from clueplus.gate.policy import AVERAGE, Policy
from clueplus.gate.scores_only import mean_scores, scores_evidence
from clueplus.gate.sides import Opened, Published, describe, identity
from clueplus.gate.verdict import Check, Mismatch
from clueplus.records.run import Run
from clueplus.statistics.macro import mean_difference

Rows = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Found:
    """What was learnt of two sides, before it is written down."""

    evidence: dict[str, Evidence]
    average: Evidence | None
    checks: list[Check]
    warnings: list[str]


class MismatchFound(Exception):  # noqa: N818 - it is no error, it is a verdict
    """Two sides that can't be compared."""

    def __init__(self, mismatch: Mismatch) -> None:
        self.mismatch = mismatch


def gather_paired(baseline: Run, candidate: Run, policy: Policy, rows: Rows) -> Found:
    """What two runs say, item by item.

    Raises:
        MismatchFound, NotComparableError: the runs did not do the same work, or a critical task is missing.
        ClueplusError: both are the same run.
    """
    if baseline.folder.resolve() == candidate.folder.resolve():
        raise ClueplusError(f"{candidate.folder} is baseline and candidate", fix="name two runs")
    check_runs(baseline, candidate)
    names = [[task.name for task in run.record.tasks] for run in (baseline, candidate)]
    shared, warnings = _shared(policy, *names)
    warnings += _of_the_model(policy, baseline, candidate, shared)
    first, second = by_task(baseline), by_task(candidate)
    found = {
        name: compare_pairs(first[name], second[name], name, policy.task(name).margin / 100, policy.alpha)
        for name in shared
    }
    evidence = {name: task.evidence for name, task in found.items()}
    averaged, more = _averaged(policy, evidence)
    average = None
    if len(averaged) > 1:
        mean = mean_difference([found[name].difference for name in averaged])
        average = mean_evidence(mean, [evidence[name] for name in averaged], policy.macro_margin / 100, policy.alpha)
    scores = {name: candidate_score(second[name], name, policy) for name in shared}
    before = {task.name: Score(task.score.value, outcomes=task.outcomes) for task in baseline.record.tasks}
    official = candidate.record.variant == "official"
    checks = all_checks(policy, evidence, before, _with_average(scores), rows, official=official)
    if identity(baseline) == identity(candidate):
        more.append("both sides are the same model")
    return Found(evidence, average, checks, [*warnings, *more, *_bootstrap_warnings(policy, evidence)])


def _shared(policy: Policy, first: Sequence[str], second: Sequence[str]) -> tuple[list[str], list[str]]:
    """The tasks of both sides; one that a side lacks, or that only the policy has, must not be critical."""
    warnings = []
    for name in dict.fromkeys([*first, *second, *policy.tasks]):
        lacking = [side for side, tasks in (("baseline", first), ("candidate", second)) if name not in tasks]
        if not lacking:
            continue
        text = f"{name} ({policy.task(name).tier}) is missing in the {' and the '.join(lacking)}"
        if policy.task(name).tier == "critical":
            texts = ", ".join(first) or "none", ", ".join(second) or "none"
            raise MismatchFound(Mismatch(field="tasks", baseline=texts[0], candidate=texts[1], text=text))
        warnings.append(text)
    shared = [name for name in first if name in second]
    if not shared:
        raise NotComparableError(Differing("tasks", ", ".join(first) or "none", ", ".join(second) or "none"))
    return shared, warnings


def _of_the_model(policy: Policy, baseline: Run, candidate: Run, tasks: list[str]) -> list[str]:
    """A changed template is a changed experiment, unless the policy says why it may be."""
    differing = of_the_model(baseline, candidate, tasks)
    if differing and policy.allow_template_change is None:
        raise NotComparableError(differing[0])
    return [f"{found.between('the baseline', 'the candidate')}, which the policy allows" for found in differing]


def _averaged(policy: Policy, evidence: Mapping[str, Evidence]) -> tuple[list[str], list[str]]:
    """The tasks whose mean is tested, and what is to be said of the others."""
    members = [name for name in evidence if policy.task(name).tier != "advisory"]
    known = [
        name for name in members if policy.task(name).tier == "critical" or evidence[name].standard_error is not None
    ]
    warnings = [f"{name} is not part of the average: {evidence[name].reason}" for name in members if name not in known]
    if len(known) == 1:
        warnings.append("one task has no average of its own: the macro test is left out")
    return known, warnings


def _bootstrap_warnings(policy: Policy, evidence: Mapping[str, Evidence]) -> list[str]:
    """Where resampling would decide otherwise, a reader should know that the call is close."""
    found = []
    for name, known in evidence.items():
        margin = policy.task(name).margin / 100
        if known.low is None or known.low_bootstrap is None:
            continue
        if (known.low > -margin) != (known.low_bootstrap > -margin):
            found.append(
                f"{name}: a close call: the lower bound is {points(known.low)}, "
                f"by bootstrap {points(known.low_bootstrap)}, {percent(margin)} allowed"
            )
    return found


def _with_average(scores: Mapping[str, Score]) -> dict[str, Score]:
    """The scores and their mean; its bounds by the method of variance estimates recovery.

    Source: Zou and Donner, Statistics in Medicine 27:1693, 2008.
    """
    values = [score.value for score in scores.values()]
    if not values or None in values:
        return dict(scores)
    k = len(scores)
    value = sum(v for v in values if v is not None) / k
    low = high = None
    if all(s.low is not None and s.high is not None for s in scores.values()):
        low = value - math.hypot(*((s.value or 0.0) - (s.low or 0.0) for s in scores.values())) / k
        high = value + math.hypot(*((s.high or 0.0) - (s.value or 0.0) for s in scores.values())) / k
    return {**scores, AVERAGE: Score(value, low, high)}


def gather_scores(baseline: Opened, candidate: Opened, policy: Policy, rows: Rows) -> Found:
    """What scores say, where one side at least has no items.

    Raises:
        MismatchFound, NotComparableError: the data are others, a run is incomplete, or a critical task is missing.
    """
    variants = [describe(side).variant for side in (baseline, candidate)]
    if variants[0] != variants[1]:
        text = f"published scores are of official data; variant is {variants[0]} in the baseline and {variants[1]}"
        text += " in the candidate"
        raise MismatchFound(Mismatch(field="variant", baseline=variants[0], candidate=variants[1], text=text))
    for side in (baseline, candidate):
        if isinstance(side, Run) and side.record.status == "incomplete":
            raise NotComparableError(Differing("status", *(_status(s) for s in (baseline, candidate))))
    first, second = _known_scores(baseline), _known_scores(candidate)
    shared, warnings = _shared(policy, list(first), list(second))
    evidence = scores_evidence(policy, first, second, shared)
    averaged = [name for name in shared if policy.task(name).tier != "advisory"]
    average = mean_scores(policy, [evidence[name] for name in averaged]) if len(averaged) > 1 else None
    score = {
        name: candidate_score(candidate, name, policy) if isinstance(candidate, Run) else Score(second[name])
        for name in shared
    }
    checks = all_checks(policy, evidence, {}, _with_average(score), rows, official=True)
    return Found(
        evidence, average, checks, [*_what_scores_lack(baseline, candidate), *_beyond(policy, evidence), *warnings]
    )


def _known_scores(side: Opened) -> dict[str, float | None]:
    if isinstance(side, Published):
        return dict(side.scores)
    assert isinstance(side, Run)
    return {task.name: task.score.value for task in side.record.tasks}


def _status(side: Opened) -> str:
    return side.record.status if isinstance(side, Run) else "published"


def _what_scores_lack(baseline: Opened, candidate: Opened) -> list[str]:
    published = [side for side in (baseline, candidate) if isinstance(side, Published)]
    table = published[0].table
    found = [f"scores only: no items are known for {' and '.join(side.name for side in published)}. {table.source}"]
    if len(published) == 1:
        found.append(f"the published scores were made by other code: {table.note}")
    return found


def _beyond(policy: Policy, evidence: Mapping[str, Evidence]) -> list[str]:
    """Losses that were seen and that nothing shows to be real."""
    found = []
    for name, known in evidence.items():
        margin = policy.task(name).margin / 100
        if known.kind == "scores only" and known.difference is not None and known.difference <= -margin:
            found.append(
                f"{name} fails by its point estimate: {points(known.difference)} points "
                f"({percent(known.baseline)} -> {percent(known.candidate)}), {percent(margin)} allowed"
            )
    return found
