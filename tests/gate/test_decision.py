"""The decision, on evidence made by hand: each line of the rules and both sides of each threshold."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clueplus.gate.decision import Decision, decide, overall, standing
from clueplus.gate.evidence import Evidence
from clueplus.gate.policy import Policy
from clueplus.gate.verdict import Difference, Status

SURE = Evidence(baseline=0.5, candidate=0.5, difference=0.0, low=-0.01, high=0.01, p=0.5, standard_error=0.006)
LOST = Evidence(baseline=0.5, candidate=0.46, difference=-0.04, low=-0.05, high=-0.03, p=0.0001, standard_error=0.006)
VAGUE = Evidence(baseline=0.5, candidate=0.5, difference=0.0, low=-0.1, high=0.1, p=0.5, standard_error=0.06)
NOTHING = Evidence(reason="no item has a score")


def policy(**keys: Any) -> Policy:
    return Policy.model_validate({**keys, "path": Path("gate.yaml")})


def decided(evidence: Mapping[str, Evidence], average: Evidence | None = None, /, **keys: Any) -> Decision:
    return decide(policy(**keys), evidence, average)


def one(evidence: Evidence, /, **keys: Any) -> Difference:
    return decided({"medec": evidence}, **keys).tasks[0]


@pytest.mark.parametrize(
    ("low", "expected"), [(-0.0199, "non-inferior"), (-0.02, "undecided"), (-0.0201, "undecided"), (None, "undecided")]
)
def test_non_inferior_is_a_lower_bound_above_the_margin_and_not_on_it(low: float | None, expected: str) -> None:
    assert standing(replace(SURE, low=low), 0.02, 0.0, 0.5, 0.05) == expected


@pytest.mark.parametrize(("p", "expected"), [(0.0499, "worse"), (0.05, "undecided"), (None, "undecided")])
def test_worse_needs_a_p_below_alpha(p: float | None, expected: str) -> None:
    assert standing(LOST, 0.02, 0.0, p, 0.05) == expected


@pytest.mark.parametrize(
    ("difference", "noise", "expected"),
    [
        (-0.0201, 0.0, "worse"),
        (-0.02, 0.0, "worse"),
        (-0.0199, 0.0, "undecided"),
        (-0.03, 0.03, "worse"),
        (-0.0299, 0.03, "undecided"),
        (-0.0199, 0.01, "undecided"),
        (0.03, 0.0, "undecided"),
        (None, 0.0, "undecided"),
    ],
)
def test_worse_needs_a_loss_no_less_than_the_margin_and_the_noise(
    difference: float | None, noise: float, expected: str
) -> None:
    assert standing(replace(LOST, difference=difference), 0.02, noise, 0.001, 0.05) == expected


def test_a_significant_loss_within_the_margin_is_no_failure() -> None:
    assert one(Evidence(difference=-0.01, low=-0.015, high=-0.005, p=0.001)).standing == "non-inferior"


@pytest.mark.parametrize(
    ("tier", "evidence", "effect"),
    [
        ("critical", LOST, "fail"),
        ("critical", VAGUE, "hold"),
        ("critical", NOTHING, "hold"),
        ("critical", SURE, "none"),
        ("supporting", LOST, "warn"),
        ("supporting", VAGUE, "none"),
        ("supporting", SURE, "none"),
        ("advisory", LOST, "none"),
        ("advisory", VAGUE, "none"),
    ],
)
def test_what_a_standing_does_depends_on_the_tier(tier: str, evidence: Evidence, effect: str) -> None:
    found = one(evidence, defaults={"tier": tier})
    assert (found.tier, found.effect) == (tier, effect)


def family(count: int, p: float) -> dict[str, Evidence]:
    return {f"task{number}": replace(SURE, p=0.9) for number in range(count - 1)} | {"worst": replace(LOST, p=p)}


def test_p_values_are_adjusted_over_the_critical_tasks_and_the_average() -> None:
    found = decided(family(11, 0.004), replace(SURE, p=0.9))
    assert found.tasks[-1].p_adjusted == pytest.approx(12 * 0.004)
    assert found.tasks[-1].standing == "worse"
    assert decided(family(12, 0.004), replace(SURE, p=0.9)).tasks[-1].standing == "undecided"  # 13 * 0.004 > 0.05
    assert decided(family(12, 0.004)).tasks[-1].standing == "worse"  # without an average, 12 hypotheses


def test_holm_lets_the_second_smallest_through_where_bonferroni_would_not() -> None:
    found = decided({"a": replace(LOST, p=0.001), "b": replace(LOST, p=0.02), "c": replace(SURE, p=0.5)})
    assert [task.p_adjusted for task in found.tasks] == pytest.approx([0.003, 0.04, 0.5])
    assert [task.standing for task in found.tasks] == ["worse", "worse", "non-inferior"]


def test_supporting_and_advisory_tasks_are_not_in_the_family_and_not_adjusted() -> None:
    tiers = {f"task{number}": {"tier": "supporting"} for number in range(11)}
    found = decided(family(12, 0.04), tasks=tiers)
    assert found.tasks[-1].p_adjusted == pytest.approx(0.04)
    assert found.tasks[-1].standing == "worse"
    assert found.tasks[0].p_adjusted is None
    assert one(replace(LOST, p=0.04), defaults={"tier": "supporting"}).effect == "warn"


def test_a_hypothesis_without_a_p_value_stays_in_the_family() -> None:
    found = decided({"a": replace(LOST, p=0.03), "b": NOTHING})
    assert found.tasks[0].p_adjusted == pytest.approx(0.06)
    assert found.tasks[0].standing == "undecided"
    assert found.tasks[1].p_adjusted is None


def test_the_average_has_its_own_margin_and_always_decides() -> None:
    loss = replace(LOST, difference=-0.012, low=-0.015, p=0.0001)
    found = decided({"a": SURE, "b": SURE}, loss).average
    assert found is not None
    assert (found.task, found.tier, found.standing, found.effect, found.margin) == (
        "average",
        None,
        "worse",
        "fail",
        0.01,
    )
    assert found.noise == 0.0
    held = decided({"a": SURE, "b": SURE}, replace(SURE, low=-0.01)).average
    assert held is not None
    assert (held.standing, held.effect) == ("undecided", "hold")
    shown = decided({"a": SURE, "b": SURE}, replace(SURE, low=-0.0099)).average
    assert shown is not None
    assert (shown.standing, shown.effect) == ("non-inferior", "none")
    assert decided({"a": SURE}).average is None


def test_the_averages_p_value_is_adjusted_too() -> None:
    loss = replace(LOST, p=0.02)
    found = decided({"a": replace(SURE, p=0.9), "b": replace(SURE, p=0.9)}, loss).average
    assert found is not None
    assert found.p_adjusted == pytest.approx(0.06)
    assert found.standing == "undecided"


def test_alpha_is_the_policys() -> None:
    assert one(replace(LOST, p=0.04)).standing == "worse"
    assert one(replace(LOST, p=0.04), alpha=0.03).standing == "undecided"
    assert one(replace(LOST, p=0.08), alpha=0.1, reason="x").standing == "worse"


def test_margin_and_noise_are_the_tasks_in_points() -> None:
    loss = replace(LOST, difference=-0.03, low=-0.05)
    assert one(loss).standing == "worse"
    assert one(loss, tasks={"medec": {"margin": 3.1}}).standing == "undecided"
    assert one(loss, tasks={"medec": {"margin": 5.1}}).standing == "non-inferior"
    assert one(loss, tasks={"other": {"margin": 5.1}}).standing == "worse"
    noise = {"medec": {"points": 3.1, "reason": "measured"}}
    assert one(loss, noise=noise).standing == "undecided"
    found = one(loss, noise=noise)
    assert (found.margin, found.noise) == (0.02, 0.031)


@pytest.mark.parametrize(
    ("effects", "decided_", "status"),
    [
        (["none", "none"], True, "PASS"),
        (["none", "warn"], True, "PASS"),
        (["none", "hold", "warn"], True, "INCONCLUSIVE"),
        (["hold", "fail"], True, "FAIL"),
        (["fail", "none"], False, "FAIL"),
        (["none"], False, "INCONCLUSIVE"),
        ([], False, "INCONCLUSIVE"),
    ],
)
def test_the_worst_effect_decides_and_nothing_decided_is_no_pass(
    effects: list[Any], decided_: bool, status: Status
) -> None:
    assert overall(effects, decided=decided_) == status


def test_sentences_say_what_was_found_in_points() -> None:
    assert one(LOST).text == "medec: -4.0 points (50.0 -> 46.0), 2.0 allowed, Holm p <0.001"
    assert one(SURE).text == "medec: 0.0 points (50.0 -> 50.0), surely above -1.0, 2.0 allowed"
    assert one(VAGUE).text == "medec: 0.0 points (50.0 -> 50.0), may be as low as -10.0, 2.0 allowed"
    assert one(NOTHING).text == "medec: no difference is known: no item has a score"
    cut = Evidence(baseline=0.5, candidate=0.48, difference=-0.02, reason="one cluster has no interval")
    assert one(cut).text == (
        "medec: -2.0 points (50.0 -> 48.0), beyond the 2.0 allowed, but one cluster has no interval"
    )
    assert (
        one(replace(cut, difference=-0.019)).text
        == "medec: -1.9 points (50.0 -> 48.0), but one cluster has no interval"
    )
    supporting = one(replace(LOST, p=0.0312), defaults={"tier": "supporting"})
    assert supporting.text == "medec: -4.0 points (50.0 -> 46.0), 2.0 allowed, p 0.031"
    noisy = one(LOST, noise={"medec": {"points": 3.0, "reason": "measured"}})
    assert noisy.text == "medec: -4.0 points (50.0 -> 46.0), 3.0 of noise, Holm p <0.001"
    even = one(LOST, noise={"medec": {"points": 2.0, "reason": "measured"}})
    assert "2.0 allowed" in even.text


def test_advice_is_given_only_where_something_is_undecided() -> None:
    assert one(replace(VAGUE, advice="more items")).advice == "more items"
    assert one(replace(SURE, advice="more items")).advice is None
    assert one(replace(LOST, advice="more items")).advice is None


def test_every_number_of_the_evidence_reaches_the_verdict() -> None:
    evidence = Evidence(
        "declared n",
        0.5,
        0.51,
        0.01,
        0.02,
        -0.02,
        0.04,
        -0.021,
        0.7,
        100,
        90,
        3,
        0.4,
        0.05,
        1000,
        "work",
        "advice",
        "why",
    )
    found = one(evidence)
    same = ("baseline", "candidate", "difference", "standard_error", "low", "high", "low_bootstrap", "p", "pairs")
    same += ("clusters", "unpaired", "power", "detectable", "needed", "work", "advice")
    assert {name: getattr(found, name) for name in same} == {name: getattr(evidence, name) for name in same}
    assert found.evidence == "declared n"
