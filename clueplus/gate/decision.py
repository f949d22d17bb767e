"""The decision: a policy and the evidence in, standings and their effect out. Pure; docs/design/gate.md has the why.

A task is shown non-inferior when the one-sided lower bound of its difference is above minus the margin. It is worse
when Holm's p of "no worse" is below alpha and the loss that was seen is no less than the margin and the noise floor.
Everything else is undecided.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from clueplus.comparison.wording import p_value, percent, points
from clueplus.gate.evidence import Evidence
from clueplus.gate.policy import AVERAGE, Policy, Tier
from clueplus.gate.verdict import Difference, Effect, Standing, Status
from clueplus.statistics.multiplicity import holm

_EFFECT: dict[tuple[Tier, Standing], Effect] = {
    ("critical", "worse"): "fail",
    ("critical", "undecided"): "hold",
    ("supporting", "worse"): "warn",
}


class Decision(NamedTuple):
    """What became of the mean over tasks (None where there is none) and of each task."""

    average: Difference | None
    tasks: list[Difference]


def decide(policy: Policy, tasks: Mapping[str, Evidence], average: Evidence | None) -> Decision:
    """Judges the mean over tasks and each task.

    Args:
        policy: margins, tiers, alpha and noise floors.
        tasks: evidence by task.
        average: of the mean over critical and supporting tasks; None where fewer than two were compared.
    """
    adjusted = _adjusted(policy, tasks, average)
    judged = [_task(policy, name, evidence, adjusted.get(name)) for name, evidence in tasks.items()]
    mean = None if average is None else _average(policy, average, adjusted[AVERAGE])
    return Decision(mean, judged)


def overall(effects: Iterable[Effect], *, decided: bool) -> Status:
    """The verdict's status.

    Args:
        effects: of every difference and check.
        decided: whether anything that could hold a release back was looked at.
    """
    found = set(effects)
    if "fail" in found:
        return "FAIL"
    return "INCONCLUSIVE" if "hold" in found or not decided else "PASS"


def standing(evidence: Evidence, margin: float, noise: float, p: float | None, alpha: float) -> Standing:
    """What the numbers say of one difference; `p` is adjusted where it has to be, the rest is in fractions of 1."""
    loss = evidence.difference is not None and evidence.difference <= -max(margin, noise)
    if loss and p is not None and p < alpha:
        return "worse"
    if evidence.low is not None and evidence.low > -margin:
        return "non-inferior"
    return "undecided"


def _adjusted(policy: Policy, tasks: Mapping[str, Evidence], average: Evidence | None) -> dict[str, float | None]:
    """Holm's p of each critical task and of the average; a hypothesis without a p stays in the family, as 1."""
    family = {name: e for name, e in tasks.items() if policy.task(name).tier == "critical"}
    if average is not None:
        family[AVERAGE] = average
    if not family:
        return {}
    adjusted = holm([1.0 if e.p is None else e.p for e in family.values()])
    return {name: None if e.p is None else p for (name, e), p in zip(family.items(), adjusted, strict=True)}


def _task(policy: Policy, name: str, evidence: Evidence, adjusted: float | None) -> Difference:
    chosen = policy.task(name)
    margin, noise = chosen.margin / 100, policy.noise_points(name) / 100
    p = adjusted if chosen.tier == "critical" else evidence.p
    found = standing(evidence, margin, noise, p, policy.alpha)
    return _difference(
        name, evidence, found, _EFFECT.get((chosen.tier, found), "none"), margin, noise, adjusted, tier=chosen.tier
    )


def _average(policy: Policy, evidence: Evidence, adjusted: float | None) -> Difference:
    margin = policy.macro_margin / 100
    found = standing(evidence, margin, 0.0, adjusted, policy.alpha)
    return _difference(AVERAGE, evidence, found, _EFFECT.get(("critical", found), "none"), margin, 0.0, adjusted)


def _difference(
    name: str,
    evidence: Evidence,
    found: Standing,
    effect: Effect,
    margin: float,
    noise: float,
    adjusted: float | None,
    tier: Tier | None = None,
) -> Difference:
    return Difference(
        task=name,
        tier=tier,
        standing=found,
        effect=effect,
        evidence=evidence.kind,
        margin=margin,
        noise=noise,
        baseline=evidence.baseline,
        candidate=evidence.candidate,
        difference=evidence.difference,
        standard_error=evidence.standard_error,
        low=evidence.low,
        high=evidence.high,
        low_bootstrap=evidence.low_bootstrap,
        p=evidence.p,
        p_adjusted=adjusted,
        pairs=evidence.pairs,
        clusters=evidence.clusters,
        unpaired=evidence.unpaired,
        power=evidence.power,
        detectable=evidence.detectable,
        needed=evidence.needed,
        work=evidence.work,
        text=_text(name, evidence, found, margin, noise, adjusted),
        advice=evidence.advice if found == "undecided" else None,
    )


def _text(name: str, evidence: Evidence, found: Standing, margin: float, noise: float, adjusted: float | None) -> str:
    """One sentence on what was found."""
    if evidence.difference is None:
        return f"{name}: no difference is known: {evidence.reason}"
    scores = f"{percent(evidence.baseline)} -> {percent(evidence.candidate)}"
    change = f"{name}: {points(evidence.difference)} points ({scores})"
    if found == "worse":
        allowed = f"{percent(margin)} allowed" if margin >= noise else f"{percent(noise)} of noise"
        kind = "p" if adjusted is None else "Holm p"
        return f"{change}, {allowed}, {kind} {p_value(evidence.p if adjusted is None else adjusted)}"
    if found == "non-inferior":
        return f"{change}, surely above {points(evidence.low)}, {percent(margin)} allowed"
    if evidence.low is None:
        beyond = f", beyond the {percent(margin)} allowed" if evidence.difference <= -margin else ""
        return f"{change}{beyond}, but {evidence.reason}"
    return f"{change}, may be as low as {points(evidence.low)}, {percent(margin)} allowed"
