"""A/A runs: how often the gate blocks what did not change, and how far each score moves by itself."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from clueplus.errors import ClueplusError
from clueplus.gate.judge import judge_runs
from clueplus.gate.policy import DEFAULT_POLICY, Policy, read_policy
from clueplus.gate.verdict import Status, Verdict
from clueplus.records.run import Run
from clueplus.statistics.binomial import failure_rate


class Movement(BaseModel):
    """How one task's score moved between runs in which nothing was changed; fractions of 1.

    `deviation` is the standard deviation of the score from run to run, `largest` the largest difference of two runs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    scores: list[float]
    deviation: float
    largest: float


class Calibration(BaseModel):
    """What A/A runs showed. `rate` is the share of pairs with the verdict FAIL, with its exact 95% interval.

    The interval takes pairs as independent; with more than two runs pairs share runs, so it is somewhat too narrow.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    runs: list[str]
    pairs: int
    verdicts: dict[Status, int]
    rate: float
    low: float
    high: float
    movements: list[Movement]
    unmeasured: list[str]


def calibrate(runs: Sequence[Run], policy: Policy) -> Calibration:
    """Judges every pair of runs of one model, and measures each task.

    Raises:
        ClueplusError: fewer than two runs, one run twice, runs of different models, or pairs that are not comparable.
    """
    _check_same_model(runs)
    found = [judge_runs(first, second, policy) for first, second in combinations(runs, 2)]
    for verdict in found:
        if verdict.mismatch is not None:
            raise ClueplusError(
                f"{verdict.baseline.source} and {verdict.candidate.source}: {verdict.mismatch.text}",
                fix="A/A runs are the same command twice: clueplus evaluate --repeat 2",
            )
    failures = sum(verdict.status == "FAIL" for verdict in found)
    rate = failure_rate(failures, len(found))
    assert rate.rate is not None and rate.low is not None and rate.high is not None, "two runs make a pair"  # noqa: PT018
    tasks = [task.name for task in runs[0].record.tasks]
    scores = {name: _scores(runs, name) for name in tasks}
    return Calibration(
        runs=[str(run.folder) for run in runs],
        pairs=len(found),
        verdicts=_counts(found),
        rate=rate.rate,
        low=rate.low,
        high=rate.high,
        movements=[_movement(name, values) for name, values in scores.items() if values is not None],
        unmeasured=[name for name, values in scores.items() if values is None],
    )


def _check_same_model(runs: Sequence[Run]) -> None:
    if len(runs) < 2:
        raise ClueplusError(
            "noise is seen between runs", fix="give two runs of one model or more: clueplus evaluate --repeat 2"
        )
    folders = [run.folder.resolve() for run in runs]
    if len(set(folders)) < len(folders):
        raise ClueplusError("a run is named twice: it would agree with itself", fix="name each run once")
    for run in runs[1:]:
        for name, identity in runs[0].record.model.identity.items():
            other = run.record.model.identity.get(name)
            if other != identity:
                raise ClueplusError(
                    f"{run.folder} is not a run of the same model as {runs[0].folder} ({name})",
                    fix="calibrate with runs of one model; two models are compared by clueplus gate",
                )


def _scores(runs: Sequence[Run], name: str) -> list[float] | None:
    found = [task.score.value for run in runs for task in run.record.tasks if task.name == name]
    known = [value for value in found if value is not None]
    return known if len(known) == len(runs) else None


def _movement(name: str, scores: Sequence[float]) -> Movement:
    return Movement(
        task=name, scores=list(scores), deviation=statistics.stdev(scores), largest=max(scores) - min(scores)
    )


def _counts(found: Sequence[Verdict]) -> dict[Status, int]:
    statuses: tuple[Status, ...] = ("PASS", "FAIL", "INCONCLUSIVE")
    return {status: sum(verdict.status == status for verdict in found) for status in statuses}


def calibrated_policy(source: Path | None, found: Calibration, when: str) -> str:
    """The text of the policy in `source` (or the shipped one) with the noise that was measured.

    The `noise` block is written anew; every other line stays as it is, comments too.

    Raises:
        ClueplusError: `source` is no policy.
    """
    path = read_policy(source).path if source else DEFAULT_POLICY
    kept = _without_block(path.read_text(encoding="utf-8"), "noise")
    lines = [f"noise:  # measured by clueplus gate calibrate on {when}; points"]
    for movement in found.movements:
        spread = f"standard deviation {100 * movement.deviation:.3g} points"
        reason = f"largest difference of {len(found.runs)} A/A runs, {when}; {spread}"
        # Rounded up: a floor below what was seen would not be one.
        points = math.ceil(round(movement.largest * 100_000, 6)) / 1000
        lines.append(f"  {movement.task}: {{points: {points:g}, reason: {reason!r}}}")
    return kept.rstrip("\n") + "\n" + "\n".join(lines if found.movements else []) + "\n"


def _without_block(text: str, key: str) -> str:
    """`text` without the lines of the top-level block `key`; comments after it belong to what follows."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    lines = text.splitlines(keepends=True)
    if isinstance(root, yaml.MappingNode):
        for node, value in root.value:
            if node.value == key:
                del lines[node.start_mark.line : _last_line(value) + 1]
                break
    return "".join(lines)


def _last_line(node: yaml.Node) -> int:
    """Where the content of a node ends; a block's own end mark is where the next thing begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    line: int = node.end_mark.line
    return line
