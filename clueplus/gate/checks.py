"""Promises other than margins: floors, targets, limits, and items that must be right. Pure: numbers in, checks out.

A floor or target is broken when even the candidate's upper bound is below it, holds when the lower bound is not, and is
undecided in between. Limits are plain counts. They bind for critical and supporting tasks; an advisory task is shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from clueplus.comparison.wording import percent, points
from clueplus.gate.evidence import Evidence
from clueplus.gate.policy import AVERAGE, Policy, Target, TaskPolicy, ZeroTolerance
from clueplus.gate.verdict import Check, CheckKind, Effect
from clueplus.records.run import Outcome
from clueplus.statistics.binomial import failure_bound

CheckStanding = Literal["holds", "broken", "undecided"]
_ROUNDING = 1e-12  # 3 of 100 answers is no more than 3%
_EFFECT: dict[CheckStanding, Effect] = {"holds": "none", "broken": "fail", "undecided": "hold"}


@dataclass(frozen=True)
class Score:
    """A score in [0, 1] with one-sided bounds at the policy's alpha, and what became of its answers.

    `outcomes` counts answers by outcome; None where only the score is known. `right` tells of each item that was
    answered whether every answer to it was right; `groups` gives the breakdowns of every item, answered or not.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    outcomes: Mapping[Outcome, int] | None = None
    right: Mapping[str, bool] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def share(self, outcome: Outcome) -> float | None:
        """The share of answers with this outcome."""
        if self.outcomes is None or not sum(self.outcomes.values()):
            return None
        return self.outcomes.get(outcome, 0) / sum(self.outcomes.values())


def all_checks(
    policy: Policy,
    evidence: Mapping[str, Evidence],
    baseline: Mapping[str, Score],
    candidate: Mapping[str, Score],
    rows: Mapping[str, Mapping[str, float]],
    *,
    official: bool,
) -> list[Check]:
    """Every promise of the policy.

    Args:
        policy: what was promised.
        evidence: differences by task.
        baseline: scores by task.
        candidate: the same, and its "average".
        rows: published scores by row and task.
        official: whether the candidate ran on the official data; published scores say nothing about others.
    """
    found: list[Check] = []
    for name, known in evidence.items():
        chosen = policy.task(name)
        score = candidate.get(name, Score(None))
        found += _floors(name, chosen, score, known)
        found += _limits(policy, name, chosen, score, baseline.get(name, Score(None)), known)
    for target in policy.targets:
        found += _target(target, candidate, rows[target.at_least], official=official)
    for rule in policy.zero_tolerance:
        found.append(_zero_tolerance(rule, candidate.get(rule.task, Score(None)), policy.alpha))
    return found


def judge(low: float | None, high: float | None, required: float) -> CheckStanding:
    """Where a value with these one-sided bounds stands to what is required."""
    if high is not None and high < required:
        return "broken"
    return "holds" if low is not None and low >= required else "undecided"


def _check(
    kind: CheckKind,
    subject: str,
    standing: CheckStanding,
    text: str,
    task: TaskPolicy | None = None,
    **numbers: float | None,
) -> Check:
    effect = "none" if task is not None and task.tier == "advisory" else _EFFECT[standing]
    return Check(kind=kind, subject=subject, standing=standing, effect=effect, text=text, **numbers)


def _floors(name: str, chosen: TaskPolicy, score: Score, known: Evidence) -> Iterator[Check]:
    if chosen.floor is not None:
        required = chosen.floor / 100
        standing = judge(score.low, score.high, required)
        text = f"{name}: {_bounded(score.value, score.low, score.high)}, at least {percent(required)} required"
        yield _check("floor", name, standing, text, chosen, value=score.value, required=required)
    if chosen.relative_floor is not None and known.baseline is not None:
        # The baseline's score as it was recorded is the contract, so this is one more margin on the paired difference.
        required = -(1 - chosen.relative_floor) * known.baseline
        standing = judge(known.low, known.high, required)
        text = (
            f"{name}: {_bounded(known.difference, known.low, known.high, signed=True)}; "
            f"{100 * chosen.relative_floor:g}% of the baseline's {percent(known.baseline)} must be kept, "
            f"so at least {points(required)}"
        )
        yield _check("relative floor", name, standing, text, chosen, value=known.difference, required=required)
    elif chosen.relative_floor is not None:
        text = f"{name}: the baseline has no score of which a share could be kept"
        yield _check("relative floor", name, "undecided", text, chosen)


def _bounded(value: float | None, low: float | None, high: float | None, *, signed: bool = False) -> str:
    shown = points if signed else percent
    if low is None or high is None:
        return f"{shown(value)} without bounds"
    return f"{shown(value)} ({shown(low)} to {shown(high)})"


def _limits(
    policy: Policy, name: str, chosen: TaskPolicy, score: Score, baseline: Score, known: Evidence
) -> Iterator[Check]:
    limits = policy.limits
    failed, unscorable = score.share("infrastructure_error"), score.share("unscorable")
    before = baseline.share("unscorable")
    increase = None if unscorable is None or before is None else unscorable - before
    unpaired = _unpaired(known)
    rules: list[tuple[str, float | None, float | None, CheckStanding]] = [
        ("answers that never came", failed, limits.infrastructure_errors, "broken"),
        ("unscorable answers", unscorable, limits.unscorable, "broken"),
        ("more unscorable answers than the baseline", increase, limits.unscorable_increase, "broken"),
        # What is missing says nothing about the candidate: the verdict must wait for it.
        ("items that only one side answered", unpaired, limits.unpaired, "undecided"),
    ]
    for what, value, most, beyond in rules:
        if value is not None and most is not None:
            standing = beyond if value > most / 100 + _ROUNDING else "holds"
            text = f"{name}: {percent(value)}% {what}, at most {most:g}% allowed"
            yield _check("limit", f"{name}, {what}", standing, text, chosen, value=value, required=most / 100)


def _unpaired(known: Evidence) -> float | None:
    if known.pairs is None or known.unpaired is None or not known.pairs + known.unpaired:
        return None
    return known.unpaired / (known.pairs + known.unpaired)


def _target(
    target: Target, candidate: Mapping[str, Score], row: Mapping[str, float], *, official: bool
) -> Iterator[Check]:
    for place in target.of:
        required = sum(row.values()) / len(row) if place == AVERAGE else row.get(place)
        score = candidate.get(place, Score(None))
        subject = f"{place}, at least {target.at_least}"
        if required is None:
            yield _check("target", subject, "undecided", f"{target.at_least} has no published score on {place}")
        elif not official:
            text = f"{place}: {target.at_least} was published on official data, the candidate ran on another variant"
            yield _check("target", subject, "undecided", text, required=required)
        elif place == AVERAGE and (lacking := sorted(row.keys() - candidate.keys())):
            text = f"average: the candidate has no score on {', '.join(lacking)}"
            yield _check("target", subject, "undecided", text, required=required)
        else:
            text = (
                f"{place}: {_bounded(score.value, score.low, score.high)}, "
                f"{target.at_least} has {percent(required)} (published, taken as it stands)"
            )
            standing = judge(score.low, score.high, required)
            yield _check("target", subject, standing, text, value=score.value, required=required)


def _zero_tolerance(rule: ZeroTolerance, score: Score, alpha: float) -> Check:
    """Every named item right; with `max_rate`, also enough of them that the exact upper bound stays under it."""
    chosen = _chosen(rule, score)
    absent = [name for name in chosen if name not in score.right]
    wrong = [name for name in chosen if not score.right.get(name, True)]
    subject = f"{rule.task}, {_named(rule)}"
    if wrong:
        text = f"{rule.task}: {len(wrong)} of {len(chosen)} items that must be right are wrong, first {wrong[0]}"
        return _check("zero tolerance", subject, "broken", text, required=rule.max_rate)
    if absent or not chosen:
        which = f"{len(absent)} of {len(chosen)}, first {absent[0]}" if absent else _named(rule)
        text = f"{rule.task}: items that must be right have no answer: {which}"
        return _check("zero tolerance", subject, "undecided", text, required=rule.max_rate)
    text = f"{rule.task}: all {len(chosen)} items that must be right are right"
    upper = failure_bound(0, len(chosen), alpha)
    if rule.max_rate is not None and upper > rule.max_rate:
        # With n items, all right, the bound is 1 - alpha ** (1 / n).
        needed = math.ceil(math.log(alpha) / math.log1p(-rule.max_rate))
        text += (
            f", which shows at most {100 * upper:.2g}% wrong; {100 * rule.max_rate:g}% is allowed: "
            f"{needed} items, all right, would show it"
        )
        return _check("zero tolerance", subject, "undecided", text, value=upper, required=rule.max_rate)
    return _check("zero tolerance", subject, "holds", text, value=upper, required=rule.max_rate)


def _chosen(rule: ZeroTolerance, score: Score) -> list[str]:
    """The items that the rule names, each once, whether they were answered or not."""
    in_groups = (
        name
        for name, groups in score.groups.items()
        if any(groups.get(key) in values for key, values in rule.groups.items())
    )
    return list(dict.fromkeys([*rule.items, *in_groups]))


def _named(rule: ZeroTolerance) -> str:
    parts = [f"{len(rule.items)} items"] if rule.items else []
    parts += [f"{key} {', '.join(values)}" for key, values in rule.groups.items()]
    return "; ".join(parts)
