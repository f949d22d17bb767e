"""Floors, targets, limits and items that must be right: both sides of each threshold, and what is not known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clueplus.gate.checks import Score, all_checks, judge
from clueplus.gate.evidence import Evidence
from clueplus.gate.policy import Policy
from clueplus.gate.verdict import Check

KNOWN = Evidence(baseline=0.5, candidate=0.49, difference=-0.01, low=-0.03, high=0.01, pairs=100, unpaired=0)
SCORE = Score(0.49, 0.46, 0.52, outcomes={"scored": 95, "unscorable": 5, "infrastructure_error": 0})
BEFORE = Score(0.5, outcomes={"scored": 98, "unscorable": 2, "infrastructure_error": 0})
NO_LIMITS = {"infrastructure_errors": None, "unscorable_increase": None, "unpaired": None}
ROWS = {"Row": {"medec": 0.46, "pls": 0.3}}


def checks(
    score: Score = SCORE,
    known: Evidence = KNOWN,
    before: Score = BEFORE,
    *,
    official: bool = True,
    average: Score | None = None,
    **keys: Any,
) -> list[Check]:
    policy = Policy.model_validate({"limits": NO_LIMITS, **keys, "path": Path("gate.yaml")})
    candidate = {"medec": score, **({"average": average, "pls": SCORE} if average else {})}
    return all_checks(policy, {"medec": known}, {"medec": before}, candidate, ROWS, official=official)


def one(*arguments: Any, **keys: Any) -> Check:
    (found,) = checks(*arguments, **keys)
    return found


@pytest.mark.parametrize(
    ("low", "high", "standing"),
    [
        (0.4, 0.6, "holds"),
        (0.41, 0.6, "holds"),
        (0.39, 0.6, "undecided"),
        (0.3, 0.4, "undecided"),
        (0.3, 0.39, "broken"),
        (None, 0.39, "broken"),
        (None, None, "undecided"),
        (0.4, None, "holds"),
    ],
)
def test_a_value_is_judged_by_its_bounds(low: float | None, high: float | None, standing: str) -> None:
    assert judge(low, high, 0.4) == standing


@pytest.mark.parametrize(
    ("floor", "standing", "effect"), [(46, "holds", "none"), (47, "undecided", "hold"), (52.1, "broken", "fail")]
)
def test_a_floor_is_compared_with_the_candidates_own_bounds(floor: float, standing: str, effect: str) -> None:
    found = one(tasks={"medec": {"floor": floor}})
    assert (found.kind, found.subject, found.standing, found.effect) == ("floor", "medec", standing, effect)
    assert (found.value, found.required) == (0.49, floor / 100)


def test_a_floor_of_an_advisory_task_is_only_shown_and_of_a_supporting_one_binds() -> None:
    for tier, effect in (("advisory", "none"), ("supporting", "fail")):
        found = one(tasks={"medec": {"floor": 60, "tier": tier}})
        assert (found.standing, found.effect) == ("broken", effect)


@pytest.mark.parametrize(
    ("kept", "standing"),
    [(0.94, "holds"), (0.9401, "undecided"), (1.0, "undecided")],
)
def test_a_relative_floor_is_a_margin_on_the_paired_difference(kept: float, standing: str) -> None:
    found = one(tasks={"medec": {"relative_floor": kept}})  # 6% of 50 points are the 3 that may be lost
    assert (found.kind, found.standing) == ("relative floor", standing)
    assert found.required == pytest.approx(-(1 - kept) * 0.5)


def test_a_relative_floor_is_broken_when_even_the_upper_bound_is_below_it() -> None:
    lost = replace(KNOWN, difference=-0.08, low=-0.1, high=-0.06)
    assert one(SCORE, lost, tasks={"medec": {"relative_floor": 0.9}}).standing == "broken"
    assert one(SCORE, lost, tasks={"medec": {"relative_floor": 0.87}}).standing == "undecided"


def test_without_a_score_floors_are_undecided() -> None:
    found = checks(Score(None), Evidence(), tasks={"medec": {"floor": 10, "relative_floor": 0.5}})
    assert [(check.kind, check.standing) for check in found] == [
        ("floor", "undecided"),
        ("relative floor", "undecided"),
    ]


def test_sentences_show_the_value_with_its_bounds_or_say_that_there_are_none() -> None:
    assert one(tasks={"medec": {"floor": 46}}).text == "medec: 49.0 (46.0 to 52.0), at least 46.0 required"
    assert one(tasks={"medec": {"relative_floor": 0.9}}).text == (
        "medec: -1.0 (-3.0 to +1.0); 90% of the baseline's 50.0 must be kept, so at least -5.0"
    )
    for lacking in (replace(SCORE, low=None), replace(SCORE, high=None)):
        assert one(lacking, tasks={"medec": {"floor": 46}}).text.startswith("medec: 49.0 without bounds")


LIMITS = [
    ("infrastructure_errors", {"scored": 97, "unscorable": 0, "infrastructure_error": 3}, "fail"),
    ("unscorable", {"scored": 97, "unscorable": 3, "infrastructure_error": 0}, "fail"),
]


@pytest.mark.parametrize(("key", "outcomes", "effect"), LIMITS)
def test_a_limit_is_a_plain_count(key: str, outcomes: Any, effect: str) -> None:
    score = replace(SCORE, outcomes=outcomes)
    held = one(score, limits={**NO_LIMITS, key: 3})
    assert (held.kind, held.standing, held.effect) == ("limit", "holds", "none")
    broken = one(score, limits={**NO_LIMITS, key: 2.9})
    assert (broken.standing, broken.effect) == ("broken", effect)
    assert (broken.value, broken.required) == (pytest.approx(0.03), pytest.approx(0.029))


def test_the_increase_of_unscorable_answers_is_against_the_baseline() -> None:
    assert one(limits={**NO_LIMITS, "unscorable_increase": 3}).standing == "holds"  # 5% less 2%
    assert one(limits={**NO_LIMITS, "unscorable_increase": 2.9}).standing == "broken"
    assert checks(before=Score(0.5), limits={**NO_LIMITS, "unscorable_increase": 3}) == []


def test_items_without_a_partner_hold_the_verdict_back() -> None:
    known = replace(KNOWN, pairs=97, unpaired=3)
    assert one(SCORE, known, limits={**NO_LIMITS, "unpaired": 3}).standing == "holds"
    found = one(SCORE, known, limits={**NO_LIMITS, "unpaired": 2.9})
    assert (found.standing, found.effect, found.value) == ("undecided", "hold", pytest.approx(0.03))
    half = one(SCORE, replace(KNOWN, pairs=3, unpaired=3), limits={**NO_LIMITS, "unpaired": 2.9})
    assert (half.standing, half.value) == ("undecided", 0.5)
    assert checks(SCORE, replace(KNOWN, pairs=0, unpaired=0), limits={**NO_LIMITS, "unpaired": 1}) == []


@pytest.mark.parametrize(("row", "standing"), [(0.46, "holds"), (0.47, "undecided"), (0.53, "broken")])
def test_a_target_is_a_published_score_taken_as_it_stands(row: float, standing: str) -> None:
    ROWS["Other"] = {"medec": row}
    found = one(targets=[{"at_least": "Other", "of": ["medec"]}])
    assert (found.kind, found.subject, found.standing) == ("target", "medec, at least Other", standing)
    assert found.required == row


def test_a_target_on_the_average_needs_every_task_of_the_row() -> None:
    target = [{"at_least": "Row"}]
    found = one(average=Score(0.5, 0.39, 0.6), targets=target)
    assert (found.standing, found.required) == ("holds", pytest.approx(0.38))
    assert one(average=Score(0.5, 0.37, 0.6), targets=target).standing == "undecided"
    assert one(average=Score(0.3, 0.2, 0.37), targets=target).standing == "broken"
    lacking = one(targets=target)
    assert lacking.standing == "undecided"
    assert lacking.text == "average: the candidate has no score on pls"


def test_a_target_says_nothing_of_other_data_and_of_tasks_that_the_row_lacks() -> None:
    other = one(official=False, targets=[{"at_least": "Row", "of": ["medec"]}])
    assert (other.standing, other.effect) == ("undecided", "hold")
    assert "another variant" in other.text
    absent = one(targets=[{"at_least": "Row", "of": ["sdoh"]}])
    assert (absent.standing, absent.text) == ("undecided", "Row has no published score on sdoh")


RIGHT = replace(
    SCORE,
    right={f"{number}": True for number in range(59)},
    groups={f"{number}": {"kind": "dose" if number < 59 else "drug"} for number in range(60)},
)


def zero(score: Score = RIGHT, **rule: Any) -> Check:
    return one(score, zero_tolerance=[{"task": "medec", **rule}])


def test_items_that_must_be_right_hold_break_and_are_missed() -> None:
    held = zero(items=["1", "2"])
    assert (held.kind, held.standing, held.effect) == ("zero tolerance", "holds", "none")
    assert held.value == pytest.approx(1 - 0.05**0.5)
    wrong = zero(replace(RIGHT, right={**RIGHT.right, "2": False}), items=["1", "2"])
    assert (wrong.standing, wrong.effect) == ("broken", "fail")
    assert wrong.text == "medec: 1 of 2 items that must be right are wrong, first 2"
    missing = zero(items=["1", "nowhere"])
    assert (missing.standing, missing.effect) == ("undecided", "hold")
    assert missing.text == "medec: items that must be right have no answer: 1 of 2, first nowhere"


def test_a_wrong_item_breaks_the_promise_even_when_another_is_missing() -> None:
    assert zero(replace(RIGHT, right={"1": False}), items=["1", "nowhere"]).standing == "broken"


def test_groups_name_items_and_one_without_an_answer_is_missed() -> None:
    assert zero(groups={"kind": ["dose"]}).standing == "holds"
    assert zero(groups={"kind": ["drug"]}).standing == "undecided"  # item 59 has no answer
    none = zero(groups={"kind": ["other"]})
    assert (none.standing, none.text) == ("undecided", "medec: items that must be right have no answer: kind other")


def test_a_rate_is_shown_by_the_exact_bound_and_the_number_that_would_show_it_is_told() -> None:
    assert zero(groups={"kind": ["dose"]}, max_rate=0.05).standing == "holds"  # 59 items: 1 - 0.05 ** (1 / 59) < 5%
    fewer = replace(
        RIGHT, right={f"{n}": True for n in range(58)}, groups={f"{n}": {"kind": "dose"} for n in range(58)}
    )
    found = zero(fewer, groups={"kind": ["dose"]}, max_rate=0.05)
    assert (found.standing, found.effect) == ("undecided", "hold")
    assert found.text.endswith("5% is allowed: 59 items, all right, would show it")
    assert found.required == 0.05


def test_a_task_that_is_not_there_leaves_the_promise_undecided() -> None:
    assert one(zero_tolerance=[{"task": "sdoh", "items": ["1"]}]).standing == "undecided"
