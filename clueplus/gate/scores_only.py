"""Evidence from scores alone: published numbers without items can warn, and decide only with a declared n."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

from clueplus.gate.evidence import Evidence, mean_of
from clueplus.gate.policy import Policy

NO_ITEMS = "scores alone show no certainty"
_NORMAL = NormalDist()
_ROUNDING = 12  # 0.264 - 0.284 is -0.02, not a little more


def scores_evidence(
    policy: Policy, baseline: Mapping[str, float | None], candidate: Mapping[str, float | None], tasks: Sequence[str]
) -> dict[str, Evidence]:
    """The evidence on each task from two scores in [0, 1].

    Where the policy declares n items, the two means are tested as if their items were different ones, and each item's
    variance is taken as p (1 - p), the largest that scores in [0, 1] with mean p can have. So the test is conservative
    twice over.

    Source: Bhatia and Davis, The American Mathematical Monthly 107:353, 2000 (the largest variance).
    """
    return {name: _task(policy, name, baseline.get(name), candidate.get(name)) for name in tasks}


def _task(policy: Policy, name: str, baseline: float | None, candidate: float | None) -> Evidence:
    n = policy.task(name).declared_n
    if baseline is None or candidate is None:
        side = "baseline" if baseline is None else "candidate"
        return Evidence(kind="scores only", baseline=baseline, candidate=candidate, reason=f"the {side} has no score")
    difference = round(candidate - baseline, _ROUNDING)
    if n is None:
        return Evidence("scores only", baseline, candidate, difference, reason=NO_ITEMS)
    error = math.sqrt((_variance(baseline, n) + _variance(candidate, n)) / n)
    return _bounded(policy, policy.task(name).margin / 100, baseline, candidate, difference, error, n)


def mean_scores(policy: Policy, tasks: Sequence[Evidence]) -> Evidence:
    """The evidence on the mean over tasks; without a bound as soon as one of them has none."""
    baseline, candidate = mean_of([e.baseline for e in tasks]), mean_of([e.candidate for e in tasks])
    if baseline is None or candidate is None:
        return Evidence(kind="scores only", baseline=baseline, candidate=candidate, reason="a task has no score")
    difference = round(candidate - baseline, _ROUNDING)
    errors = [e.standard_error for e in tasks if e.standard_error is not None]
    if len(errors) < len(tasks):
        return Evidence("scores only", baseline, candidate, difference, reason=NO_ITEMS)
    error = math.sqrt(sum(e * e for e in errors)) / len(tasks)
    return _bounded(policy, policy.macro_margin / 100, baseline, candidate, difference, error, None)


def _bounded(
    policy: Policy, margin: float, baseline: float, candidate: float, difference: float, error: float, n: int | None
) -> Evidence:
    z = _NORMAL.inv_cdf(1 - policy.alpha)
    return Evidence(
        kind="declared n",
        baseline=baseline,
        candidate=candidate,
        difference=difference,
        standard_error=error,
        low=difference - z * error,
        high=difference + z * error,
        p=_NORMAL.cdf(difference / error),
        pairs=n,
        power=_NORMAL.cdf(margin / error - z),
        detectable=(z + _NORMAL.inv_cdf(0.8)) * error,
    )


def _variance(score: float, n: int) -> float:
    """The largest variance of an item, with one right and one wrong item added: a score of 0 or 1 is no certainty."""
    p = (score * n + 1) / (n + 2)
    return p * (1 - p)
