"""A file of verdicts that only grows, and the slow drift that no single step shows."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError, StoreError
from clueplus.gate.history import append_verdict, find_drift, read_history
from clueplus.gate.verdict import Difference, PolicyUse, Side, Status, Verdict

ERROR = 0.004


def step(before: str, after: str, scores: tuple[float, float], *, status: Status = "PASS", **fields: Any) -> Verdict:
    difference = Difference(
        **{
            "task": "medec",
            "tier": "critical",
            "standing": "non-inferior",
            "effect": "none",
            "evidence": "paired items",
            "margin": 0.02,
            "baseline": scores[0],
            "candidate": scores[1],
            "difference": scores[1] - scores[0],
            "standard_error": ERROR,
            "work": "same",
            "text": "",
            **fields,
        }
    )
    return Verdict(
        status=status,
        exit_code=0,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        clueplus="0.1.0",
        alpha=0.05,
        evidence="paired items",
        baseline=Side(source=f"results/{before}", model="m", run=before),
        candidate=Side(source=f"results/{after}", model="m", run=after),
        tasks=[difference],
        policy=PolicyUse(source="shipped default", sha256="0", reference="shipped default"),
    )


SLOW = [step("r0", "r1", (0.60, 0.587)), step("r1", "r2", (0.587, 0.575)), step("r2", "r3", (0.575, 0.563))]


def test_a_file_keeps_every_line_and_the_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history.jsonl"
    for verdict in SLOW:
        before = path.read_bytes() if path.exists() else b""
        append_verdict(path, verdict)
        assert path.read_bytes().startswith(before)
    assert read_history(path) == SLOW


def test_a_cut_line_is_named_and_never_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    append_verdict(path, SLOW[0])
    cut = path.read_bytes()[:-20]
    path.write_bytes(cut)
    with pytest.raises(StoreError, match="its last line is cut off"):
        append_verdict(path, SLOW[1])
    assert path.read_bytes() == cut
    with pytest.raises(StoreError, match=r"history.jsonl:1: not a verdict of schema 1"):
        read_history(path)
    with pytest.raises(StoreError, match="clueplus gate --history FILE makes it"):
        read_history(tmp_path / "nowhere.jsonl")


def test_three_small_steps_add_up_to_a_drift() -> None:
    (found,) = find_drift(SLOW)
    assert (found.task, found.standing, found.steps) == ("medec", "drifted", 3)
    assert (found.anchor, found.newest) == (0.60, 0.563)
    assert found.total == pytest.approx(-0.037)
    assert found.worst_step == pytest.approx(-0.013)
    assert found.standard_error == pytest.approx(ERROR * 3**0.5)
    assert found.text == ("medec: -3.7 points over 3 steps (60.0 -> 56.3), the largest step -1.3, 2.0 allowed a step")


def test_one_step_is_no_drift_and_a_small_sum_is_steady() -> None:
    assert find_drift([step("r0", "r1", (0.60, 0.50))])[0].standing == "steady"
    assert find_drift([step("r0", "r1", (0.60, 0.59)), step("r1", "r2", (0.59, 0.5801))])[0].standing == "steady"
    gain = [step("r0", "r1", (0.60, 0.62)), step("r1", "r2", (0.62, 0.64))]
    assert find_drift(gain)[0].standing == "steady"


def test_a_sum_of_exactly_the_margin_counts() -> None:
    found = find_drift([step("r0", "r1", (0.5, 0.4921875), margin=0.015625), SLOW[1]])
    assert found[0].steps == 2
    even = [
        step("r0", "r1", (0.5, 0.4921875), margin=0.015625),
        step("r1", "r2", (0.4921875, 0.484375), margin=0.015625),
    ]
    assert find_drift(even)[0].standing == "drifted"


def test_what_chance_may_explain_is_watched() -> None:
    def vague(error: float | None) -> list[Verdict]:
        return [
            step("r0", "r1", (0.60, 0.587), standard_error=error),
            step("r1", "r2", (0.587, 0.574), standard_error=error),
        ]

    # The sum is -2.6 points: 1.645 standard errors of it must be less.
    assert find_drift(vague(0.0111))[0].standing == "drifted"
    assert find_drift(vague(0.0113))[0].standing == "watch"
    assert find_drift(vague(None))[0].standing == "watch"
    assert find_drift([*vague(0.001)[:1], *vague(None)[1:]])[0].standing == "watch"


def test_candidates_that_were_never_built_upon_are_no_steps() -> None:
    rejected = step("r1", "bad", (0.587, 0.4), status="FAIL")
    refused = step("r2", "r3", (0.575, 0.1), status="NOT COMPARABLE")
    (found,) = find_drift([SLOW[0], rejected, SLOW[1], refused, SLOW[2]])
    assert (found.steps, found.total) == (3, pytest.approx(-0.037))


def test_sides_without_a_run_are_told_apart_by_their_source() -> None:
    def bare(verdict: Verdict) -> Verdict:
        sides = {name: getattr(verdict, name).model_copy(update={"run": None}) for name in ("baseline", "candidate")}
        return verdict.model_copy(update=sides)

    assert find_drift([bare(verdict) for verdict in SLOW])[0].steps == 3
    elsewhere = bare(step("x", "y", (0.9, 0.8)))
    assert find_drift([bare(SLOW[0]), elsewhere, bare(SLOW[1])])[0].steps == 2
    moved = SLOW[1].model_copy(update={"baseline": SLOW[1].baseline.model_copy(update={"source": "/elsewhere/r1"})})
    assert find_drift([SLOW[0], moved])[0].steps == 2  # a run keeps its name wherever its folder stands


def test_an_anchor_may_be_any_release_of_the_chain_by_run_source_or_model() -> None:
    (found,) = find_drift(SLOW, "r1")
    assert (found.steps, found.anchor) == (2, 0.587)
    assert find_drift(SLOW, "results/r2")[0].steps == 1
    assert find_drift(SLOW, "m")[0].steps == 3
    with pytest.raises(ClueplusError, match="--anchor r9: no chain of verdicts leads from it"):
        find_drift(SLOW, "r9")


def test_another_work_or_a_missing_score_on_the_way_is_unknown() -> None:
    other = [SLOW[0], step("r1", "r2", (0.587, 0.5), work="other")]
    assert (find_drift(other)[0].standing, find_drift(other)[0].total) == ("unknown", None)
    without = SLOW[0].model_copy(update={"tasks": []})
    assert find_drift([without, SLOW[1]])[0].standing == "unknown"
    for lacking in ({"difference": None}, {"candidate": None}):
        holes = [SLOW[0], step("r1", "r2", (0.587, 0.5), **lacking)]
        assert find_drift(holes)[0].standing == "unknown"
    assert find_drift([]) == []
