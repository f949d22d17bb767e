"""Evidence from two runs: the numbers that reach the decision."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clueplus.gate.paired import bounded, candidate_score, compare_pairs, mean_evidence
from clueplus.gate.policy import Policy
from clueplus.records.run import ItemRecord, Run
from clueplus.statistics.macro import mean_difference
from clueplus.statistics.paired import paired_difference
from clueplus.statistics.power import minimum_detectable_effect, power
from tests.support.runs import make_items, make_run

ALPHA = 0.05
GENERATOR = np.random.default_rng(1)
FIRST = GENERATOR.random(200)
SECOND = np.clip(FIRST + GENERATOR.normal(-0.02, 0.1, 200), 0, 1)


def policy(**keys: Any) -> Policy:
    return Policy.model_validate({**keys, "path": Path("gate.yaml")})


def run(values: Any, name: str, **fields: Any) -> Run:
    return make_run({"medec": values}, name=name, **fields)


def test_bounds_p_value_and_power_are_those_of_the_statistics() -> None:
    task = compare_pairs(run(FIRST.tolist(), "a"), run(SECOND.tolist(), "b"), "medec", 0.02, ALPHA)
    expected = paired_difference(FIRST[:, None], SECOND[:, None], list(range(200)))
    found = task.evidence
    assert expected.se is not None
    assert expected.df is not None
    assert found.difference == pytest.approx(float((SECOND - FIRST).mean()))
    assert (found.baseline, found.candidate) == (pytest.approx(FIRST.mean()), pytest.approx(SECOND.mean()))
    assert (found.low, found.high) == (expected.lower(ALPHA), expected.upper(ALPHA))
    p = expected.one_sided_p()
    assert p is not None
    assert found.p == p.less
    assert found.p is not None
    assert found.p < 0.05  # it fell
    assert found.power == power(expected.se, expected.df, margin=0.02, alpha=ALPHA)
    assert found.detectable == minimum_detectable_effect(expected.se, expected.df, alpha=ALPHA)
    assert found.low_bootstrap == pytest.approx(found.low, abs=0.002)
    assert (found.pairs, found.clusters, found.unpaired) == (200, 200, 0)


def test_a_swap_of_the_runs_turns_the_sign() -> None:
    there = compare_pairs(run(FIRST.tolist(), "a"), run(SECOND.tolist(), "b"), "medec", 0.02, ALPHA).evidence
    back = compare_pairs(run(SECOND.tolist(), "b"), run(FIRST.tolist(), "a"), "medec", 0.02, ALPHA).evidence
    assert there.difference is not None
    assert back.difference == pytest.approx(-there.difference)
    assert back.low is not None
    assert there.high == pytest.approx(-back.low)


def test_items_that_either_side_lacks_are_counted() -> None:
    first = run([None, 1.0, 1.0, 0.0, 1.0], "a")
    second = run([1.0, None, None, 0.0, 1.0], "b")
    assert compare_pairs(first, second, "medec", 0.02, ALPHA).evidence.unpaired == 3


def test_work_is_the_same_for_another_model_and_another_for_other_data() -> None:
    def work(**fields: Any) -> str | None:
        changed = {"task_fields": fields}
        sides = run(FIRST.tolist(), "a", **changed), run(SECOND.tolist(), "b", **changed)
        return compare_pairs(*sides, "medec", 0.02, ALPHA).evidence.work

    again = compare_pairs(run(FIRST.tolist(), "x"), run(FIRST.tolist(), "y"), "medec", 0.02, ALPHA).evidence.work
    assert work() == again
    assert len({work(), work(version=2), work(scoring="clue-2024"), work(shots=0)}) == 4


def test_samples_of_an_item_tell_what_more_of_them_would_do() -> None:
    def sampled(name: str, flip: int) -> Run:
        items: list[ItemRecord] = []
        for sample in range(2):
            values = [float((n + sample * (n % 2) + flip * (n % 5 == 0)) % 2) for n in range(100)]
            items += [replace(item, sample=sample) for item in make_items("medec", values)]
        return run(items, name)

    found = compare_pairs(sampled("a", 0), sampled("b", 1), "medec", 0.02, ALPHA).evidence
    assert found.pairs == 100
    assert "samples an item instead of 2 would" in (found.advice or "")


def test_the_mean_is_of_differences_and_scores() -> None:
    tasks = [
        compare_pairs(run(FIRST.tolist(), "a"), run(SECOND.tolist(), "b"), "medec", 0.02, ALPHA),
        compare_pairs(run(FIRST.tolist(), "a"), run(FIRST.tolist(), "b"), "medec", 0.02, ALPHA),
    ]
    mean = mean_difference([task.difference for task in tasks])
    found = mean_evidence(mean, [task.evidence for task in tasks], 0.01, ALPHA)
    assert found.difference == pytest.approx(float((SECOND - FIRST).mean()) / 2)
    assert found.baseline == pytest.approx(FIRST.mean())
    assert found.candidate == pytest.approx((FIRST.mean() + SECOND.mean()) / 2)
    assert found.power == bounded(mean, 0.01, ALPHA).power


def test_without_a_score_the_records_reason_is_told() -> None:
    first = run([{"a": 0.5, "b": None}] * 3, "a")
    lacking = first.record.tasks[0].score.model_copy(update={"reason": "b: set CLUEPLUS_MODEL"})
    tasks = [first.record.tasks[0].model_copy(update={"score": lacking})]
    first = first._replace(record=first.record.model_copy(update={"tasks": tasks}))
    found = compare_pairs(first, run([{"a": 0.5, "b": 0.4}] * 3, "b"), "medec", 0.02, ALPHA).evidence
    assert (found.difference, found.reason) == (None, "baseline: b: set CLUEPLUS_MODEL")


FLOOR = {"tasks": {"medec": {"floor": 10}}}


def test_the_candidates_bounds_are_looked_at_only_where_they_are_promised() -> None:
    candidate = run([1.0, 0.0] * 100, "b")
    bare = candidate_score(candidate, "medec", policy())
    assert (bare.value, bare.low, bare.right) == (0.5, None, {})
    assert bare.outcomes == {"scored": 200, "unscorable": 0, "infrastructure_error": 0}
    for promise in (
        FLOOR,
        {"targets": [{"at_least": "X", "of": ["medec"]}]},
        {"targets": [{"at_least": "X"}]},
        {"zero_tolerance": [{"task": "medec", "items": ["1"]}]},
    ):
        found = candidate_score(candidate, "medec", policy(**promise))
        assert found.low is not None
        assert found.high is not None
        assert found.low == pytest.approx(0.442, abs=0.001)  # 0.5 - 1.645 * sqrt(0.25 / 200), by Wilson
        assert found.high == pytest.approx(0.558, abs=0.001)
        assert (found.right["medec-0"], found.right["medec-1"]) == (True, False)
    for other in (
        {"targets": [{"at_least": "X", "of": ["pls"]}]},
        {"zero_tolerance": [{"task": "pls", "items": ["1"]}]},
    ):
        assert candidate_score(candidate, "medec", policy(**other)).low is None


def test_an_item_is_right_when_every_answer_and_every_component_is() -> None:
    values = [{"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 0.99}, {"a": 1.0, "b": None}, None, {"a": 1.0, "b": 1.0}]
    items = make_items("medec", values)
    items += [replace(items[0], sample=1), replace(items[4], sample=1, components={"a": 0.0, "b": 1.0})]
    found = candidate_score(run(items, "b"), "medec", policy(**FLOOR))
    assert found.right == {"medec-0": True, "medec-1": False, "medec-2": True, "medec-4": False}
    assert set(found.groups) == {f"medec-{number}" for number in range(5)}
