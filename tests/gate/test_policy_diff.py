"""What is looser or tighter than a reference, and that what is looser must say why."""

from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError
from clueplus.gate.policy import Policy
from clueplus.gate.policy_diff import Change, check_reasons, policy_changes


def policy(**keys: Any) -> Policy:
    return Policy.model_validate({**keys, "path": Path("gate.yaml")})


def changes(new: dict[str, Any], old: dict[str, Any] | None = None) -> list[Change]:
    return policy_changes(policy(**new), policy(**(old or {})))


def told(found: list[Change]) -> list[tuple[str, str, str, str]]:
    return [(change.where, change.before, change.after, change.effect) for change in found]


TIER = {"tasks": {"medec": {"tier": "supporting"}}}
FLOOR = {"tasks": {"medec": {"floor": 40}}}
TARGET = {"targets": [{"at_least": "MediPhi-Instruct", "of": ["medec", "average"]}]}
ZERO = {"zero_tolerance": [{"task": "medec", "items": ["1"], "max_rate": 0.05}]}

# A policy, the reference, and what changed on the way from the second to the first.
CASES = [
    ({"alpha": 0.1}, {}, ("alpha", "0.05", "0.1", "looser")),
    ({"alpha": 0.01}, {}, ("alpha", "0.05", "0.01", "tighter")),
    ({"macro_margin": 2}, {}, ("macro_margin", "1", "2", "looser")),
    ({"macro_margin": 0.5}, {}, ("macro_margin", "1", "0.5", "tighter")),
    ({"defaults": {"margin": 3}}, {}, ("defaults.margin", "2", "3", "looser")),
    ({"defaults": {"margin": 1}}, {}, ("defaults.margin", "2", "1", "tighter")),
    ({"defaults": {"tier": "supporting"}}, {}, ("defaults.tier", "critical", "supporting", "looser")),
    ({}, {"defaults": {"tier": "advisory"}}, ("defaults.tier", "advisory", "critical", "tighter")),
    ({"defaults": {"relative_floor": 0.9}}, {}, ("defaults.relative_floor", "none", "0.9", "tighter")),
    ({}, {"defaults": {"relative_floor": 0.9}}, ("defaults.relative_floor", "0.9", "none", "looser")),
    (
        {"defaults": {"relative_floor": 0.8}},
        {"defaults": {"relative_floor": 0.9}},
        ("defaults.relative_floor", "0.9", "0.8", "looser"),
    ),
    (TIER, {}, ("tasks.medec.tier", "critical", "supporting", "looser")),
    ({}, TIER, ("tasks.medec.tier", "supporting", "critical", "tighter")),
    ({"tasks": {"medec": {"tier": "advisory"}}}, TIER, ("tasks.medec.tier", "supporting", "advisory", "looser")),
    ({"tasks": {"medec": {"margin": 3}}}, {}, ("tasks.medec.margin", "2", "3", "looser")),
    ({"tasks": {"medec": {"margin": 1}}}, {}, ("tasks.medec.margin", "2", "1", "tighter")),
    (FLOOR, {}, ("tasks.medec.floor", "none", "40", "tighter")),
    ({}, FLOOR, ("tasks.medec.floor", "40", "none", "looser")),
    ({"tasks": {"medec": {"floor": 30}}}, FLOOR, ("tasks.medec.floor", "40", "30", "looser")),
    ({"tasks": {"medec": {"floor": 50}}}, FLOOR, ("tasks.medec.floor", "40", "50", "tighter")),
    ({"tasks": {"pls": {"declared_n": 237}}}, {}, ("tasks.pls.declared_n", "none", "237", "looser")),
    ({}, {"tasks": {"pls": {"declared_n": 237}}}, ("tasks.pls.declared_n", "237", "none", "tighter")),
    ({"limits": {"unscorable": 10}}, {}, ("limits.unscorable", "none", "10", "tighter")),
    ({"limits": {"unscorable_increase": 8}}, {}, ("limits.unscorable_increase", "5", "8", "looser")),
    ({"limits": {"unpaired": None}}, {}, ("limits.unpaired", "1", "none", "looser")),
    ({"limits": {"infrastructure_errors": 0.5}}, {}, ("limits.infrastructure_errors", "1", "0.5", "tighter")),
    ({"noise": {"pls": {"points": 1, "reason": "x"}}}, {}, ("noise.pls.points", "0", "1", "looser")),
    ({}, {"noise": {"pls": {"points": 1, "reason": "x"}}}, ("noise.pls.points", "1", "0", "tighter")),
    ({"allow_template_change": {"reason": "x"}}, {}, ("allow_template_change", "refused", "allowed", "looser")),
    ({}, {"allow_template_change": {"reason": "x"}}, ("allow_template_change", "allowed", "refused", "tighter")),
    (ZERO, {}, ("zero_tolerance", "none", "medec: 1", "tighter")),
    ({}, ZERO, ("zero_tolerance", "medec: 1", "none", "looser")),
    (
        {"zero_tolerance": [{"task": "medec", "items": ["1"], "max_rate": 0.1}]},
        ZERO,
        ("zero_tolerance (medec: 1)", "0.05", "0.1", "looser"),
    ),
    (
        {"zero_tolerance": [{"task": "medec", "items": ["1"], "max_rate": 0.01}]},
        ZERO,
        ("zero_tolerance (medec: 1)", "0.05", "0.01", "tighter"),
    ),
]


@pytest.mark.parametrize(("new", "old", "change"), CASES)
def test_one_change_is_named_with_its_direction(
    new: dict[str, Any], old: dict[str, Any], change: tuple[str, str, str, str]
) -> None:
    assert told(changes(new, old)) == [change]


def test_targets_are_compared_place_by_place() -> None:
    assert told(changes(TARGET)) == [
        ("targets", "none", "MediPhi-Instruct of medec", "tighter"),
        ("targets", "none", "MediPhi-Instruct of average", "tighter"),
    ]
    fewer = {"targets": [{"at_least": "MediPhi-Instruct", "of": ["medec"]}]}
    assert told(changes(fewer, TARGET)) == [("targets", "MediPhi-Instruct of average", "none", "looser")]


def test_groups_that_must_be_right_are_compared_value_by_value() -> None:
    both = {"zero_tolerance": [{"task": "medec", "groups": {"kind": ["dose", "drug"]}}]}
    one = {"zero_tolerance": [{"task": "medec", "groups": {"kind": ["dose"]}}]}
    assert told(changes(one, both)) == [("zero_tolerance", "medec: kind=drug", "none", "looser")]


def test_equal_policies_differ_in_nothing() -> None:
    everything = {**TIER, **TARGET, **ZERO, "alpha": 0.01, "noise": {"pls": {"points": 1, "reason": "x"}}}
    assert changes(everything, everything) == []


def test_a_wider_default_is_told_once_and_again_for_a_task_that_the_reference_names() -> None:
    found = changes({"defaults": {"margin": 3}}, {"tasks": {"medec": {"margin": 1}}})
    assert told(found) == [("defaults.margin", "2", "3", "looser"), ("tasks.medec.margin", "1", "3", "looser")]
    assert told(changes({"defaults": {"margin": 3}, "tasks": {"medec": {"floor": 1}}})) == [
        ("defaults.margin", "2", "3", "looser"),
        ("tasks.medec.floor", "none", "1", "tighter"),
    ]


LOOSER = [
    ({"alpha": 0.1}, {}, "alpha", "at the top level of the policy"),
    ({"macro_margin": 2}, {}, "macro_margin", "at the top level of the policy"),
    ({"defaults": {"margin": 3}}, {}, "defaults.margin", "under defaults"),
    (TIER, {}, "tasks.medec.tier", "under tasks.medec"),
    ({}, FLOOR, "tasks.medec.floor", "under tasks.medec"),
    ({"limits": {"unpaired": 9}}, {}, "limits.unpaired", "under limits"),
    ({}, TARGET, "targets", "at the top level of the policy"),
    ({}, ZERO, "zero_tolerance", "at the top level of the policy"),
]


@pytest.mark.parametrize(("new", "old", "where", "place"), LOOSER)
def test_a_looser_policy_without_a_reason_is_refused_and_the_place_is_named(
    new: dict[str, Any], old: dict[str, Any], where: str, place: str
) -> None:
    with pytest.raises(ClueplusError) as caught:
        check_reasons(policy(**new), changes(new, old))
    assert f"gate.yaml: {where} is looser than the reference policy" in str(caught.value)
    assert f"add 'reason:' {place}" in str(caught.value)


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ({"alpha": 0.1, "reason": "why"}, {}),
        ({"defaults": {"margin": 3, "reason": "why"}}, {}),
        ({"tasks": {"medec": {"tier": "supporting", "reason": "why"}}}, {}),
        ({"defaults": {"reason": "why"}}, FLOOR),
        ({"limits": {"unpaired": 9, "reason": "why"}}, {}),
        ({"reason": "why"}, TARGET),
        ({"noise": {"pls": {"points": 1, "reason": "why"}}}, {}),
        ({"allow_template_change": {"reason": "why"}}, {}),
    ],
)
def test_a_reason_at_the_place_is_enough_and_is_shown(new: dict[str, Any], old: dict[str, Any]) -> None:
    found = changes(new, old)
    check_reasons(policy(**new), found)
    assert {change.reason for change in found} == {"why"}


@pytest.mark.parametrize(
    "new",
    [
        {"alpha": 0.1, "defaults": {"reason": "elsewhere"}},
        {"tasks": {"medec": {"margin": 3}}, "reason": "elsewhere", "defaults": {"reason": "elsewhere"}},
        {"limits": {"unpaired": 9}, "reason": "elsewhere"},
    ],
)
def test_a_reason_at_another_place_does_not_count(new: dict[str, Any]) -> None:
    with pytest.raises(ClueplusError, match="no reason is given"):
        check_reasons(policy(**new), changes(new))


def test_a_tighter_policy_needs_no_reason() -> None:
    new = {"alpha": 0.01, **FLOOR, **TARGET}
    found = changes(new)
    check_reasons(policy(**new), found)
    assert {change.effect for change in found} == {"tighter"}
    assert {change.reason for change in found} == {None}
