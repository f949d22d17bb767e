"""What changes from run to run although nothing was changed: the noise under every comparison."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from pydantic import BaseModel

from clueplus.comparison.pairing import answers_of
from clueplus.errors import ClueplusError
from clueplus.records.run import ItemRecord, Run


class Flips(BaseModel):
    """How two runs of the same work differ on one task.

    `texts` counts answers whose text differs, `scores` those whose score or outcome does; `delta` is the second run's
    column less the first's, None where one has none; `mean_change` is the mean absolute change of an item's score.
    """

    task: str
    answers: int
    texts: int
    scores: int
    delta: float | None
    mean_change: float | None


class Noise(BaseModel):
    """Flips of each pair of runs, and what the runs say of their engines."""

    runs: list[str]
    batch_invariant: list[str]
    pairs: dict[str, list[Flips]]


def noise(runs: Sequence[Run]) -> Noise:
    """Flips between all pairs of `runs`.

    Raises:
        ClueplusError: fewer than two runs, or runs of different work: another model, task, data, prompt or decoding.
    """
    if len(runs) < 2:
        raise ClueplusError("noise is seen between runs", fix="give two runs or more, or evaluate with --repeat 2")
    return Noise(
        runs=[str(run.folder) for run in runs],
        batch_invariant=[run.record.environment.get("VLLM_BATCH_INVARIANT", "unset") for run in runs],
        pairs={f"{a + 1}-{b + 1}": _pair(runs[a], runs[b]) for a, b in combinations(range(len(runs)), 2)},
    )


def _pair(first: Run, second: Run) -> list[Flips]:
    _check_same_work(first, second)
    found = []
    for a, b in zip(first.record.tasks, second.record.tasks, strict=True):
        items, others = answers_of(first, a.name), answers_of(second, a.name)
        changes = [_change(items[place], others[place]) for place in items]
        known = [change for change in changes if change is not None]
        values = a.score.value, b.score.value
        found.append(
            Flips(
                task=a.name,
                answers=len(items),
                texts=sum(items[place].answer_hash != others[place].answer_hash for place in items),
                scores=sum(change is None or change > 0 for change in changes),
                delta=values[1] - values[0] if values[0] is not None and values[1] is not None else None,
                mean_change=sum(known) / len(known) if known else None,
            )
        )
    return found


def _check_same_work(first: Run, second: Run) -> None:
    """Two runs are the same work when every answer was asked for with the same key, and scored alike."""
    if first.record.scoring != second.record.scoring:
        raise ClueplusError(
            f"{first.folder} is scored as {first.record.scoring}, {second.folder} as {second.record.scoring}",
            fix="clueplus score RUN --scoring gives both the same",
        )
    a, b = (sorted((item.task, item.response_key) for item in run.items) for run in (first, second))
    if a != b:
        raise ClueplusError(
            f"{first.folder} and {second.folder} are not the same work: model, tasks, data, prompts or decoding differ",
            fix="noise needs the same command twice (--repeat 2); to compare two models: clueplus compare",
        )


def _change(first: ItemRecord, second: ItemRecord) -> float | None:
    """The absolute change of an item's mean component; None when the outcome changed, which has no size."""
    if first.outcome != second.outcome or first.components.keys() != second.components.keys():
        return None
    pairs = [(first.components[name], second.components[name]) for name in first.components]
    known = [abs(a - b) for a, b in pairs if a is not None and b is not None]
    return sum(known) / len(known) if known else 0.0
