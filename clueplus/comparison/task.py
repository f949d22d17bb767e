"""Two runs on one task: what changed, how sure that is, and in which items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clueplus.comparison.fields import check_tasks, task_record
from clueplus.comparison.pairing import Components, Pair, pair
from clueplus.records.run import Run, TaskRecord
from clueplus.registry import Tier
from clueplus.statistics.column import linearise
from clueplus.statistics.discordance import mcnemar, sign_flip
from clueplus.statistics.paired import Difference, paired_difference, paired_influence

Array = NDArray[np.float64]

# A graded item has flipped when its score moved by more than this.
_FLIP = 0.5
_EQUAL = 1e-9


@dataclass(frozen=True)
class Flip:
    """An item whose answer turned: its score in the baseline and in the candidate, in [0, 1].

    `baseline_key` and `candidate_key` are the response keys, under which a store has the answers.
    """

    id: str
    document_hash: str
    groups: Mapping[str, str]
    baseline: float
    candidate: float
    baseline_key: str
    candidate_key: str


@dataclass(frozen=True)
class Changes:
    """Items by what became of their scores. In a task of all-or-nothing values any change is a flip."""

    wins: int
    losses: int
    ties: int
    flips: tuple[Flip, ...]


@dataclass(frozen=True)
class TaskComparison:
    """One task of two runs; scores are fractions, `difference` is the candidate's column less the baseline's.

    `n` items are paired, in `clusters` that are independent of each other. `missing_baseline` and `missing_candidate`
    count items that have no score on that side, `cut` those whose prompts were cut differently. `baseline` and
    `candidate` are the columns on the paired items, so their difference is `difference.delta`; None, with
    `difference.reason`, where a component has no value. `changes` is None with them.

    `p` is two-sided and agrees with the interval of `difference`; `p_holm` is adjusted for the other tasks of the
    comparison. `mcnemar` is None unless items are independent and right or wrong as a whole.
    """

    task: str
    title: str
    version: int
    tier: Tier
    variant: str
    scoring: str
    n: int
    clusters: int
    missing_baseline: int
    missing_candidate: int
    cut: int
    baseline: float | None
    candidate: float | None
    difference: Difference
    components: Mapping[str, Difference]
    changes: Changes | None
    p: float | None
    sign_flip: float | None
    mcnemar: float | None
    baseline_outcomes: Mapping[str, int]
    candidate_outcomes: Mapping[str, int]
    p_holm: float | None = None


def shown_flips(task: TaskComparison) -> tuple[Flip, ...]:
    """The flipped items that a report may list, the worst losses first; of restricted data none."""
    if task.changes is None or task.tier == "restricted":
        return ()
    return tuple(sorted(task.changes.flips, key=lambda flip: (flip.candidate - flip.baseline, flip.id)))


def compare_task(baseline: Run, candidate: Run, task: str) -> TaskComparison:
    """Compares two runs on a task that both have.

    Raises:
        NotComparableError: they did not do the same work; the first field that differs is named.
    """
    check_tasks(baseline, candidate, task)
    first, second = task_record(baseline, task), task_record(candidate, task)
    pairing = pair(baseline, candidate, task)
    names = list(first.components)
    before = _matrix([p.baseline_components for p in pairing.pairs], names)
    after = _matrix([p.candidate_components for p in pairing.pairs], names)
    clusters = [p.baseline.cluster for p in pairing.pairs]
    difference = _named(paired_difference(before, after, clusters), names, before, after)
    known = difference.delta is not None
    return TaskComparison(
        task=task,
        title=first.title,
        version=first.version,
        tier=_tier(first, second),
        variant=first.data.variant,
        scoring=first.scoring,
        n=len(pairing.pairs),
        clusters=len(set(clusters)),
        missing_baseline=pairing.missing_baseline,
        missing_candidate=pairing.missing_candidate,
        cut=pairing.cut,
        baseline=linearise(before).score if known else None,
        candidate=linearise(after).score if known else None,
        difference=difference,
        components={name: paired_difference(before[:, [k]], after[:, [k]], clusters) for k, name in enumerate(names)},
        changes=_changes(pairing.pairs, before, after) if known else None,
        p=difference.two_sided_p(),
        sign_flip=sign_flip(paired_influence(before, after), clusters).p if known else None,
        mcnemar=_mcnemar(before, after, len(set(clusters))),
        baseline_outcomes=_outcomes(first),
        candidate_outcomes=_outcomes(second),
    )


def _tier(first: TaskRecord, second: TaskRecord) -> Tier:
    """The tier of the data; if one record calls it restricted, it is treated so."""
    return second.data.tier if second.data.tier == "restricted" else first.data.tier


def _matrix(items: Sequence[Components], names: Sequence[str]) -> Array:
    """(items, components), NaN where an item lacks a component."""
    rows = [[item.get(name) for name in names] for item in items]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(names))  # None becomes NaN


def _named(difference: Difference, names: Sequence[str], before: Array, after: Array) -> Difference:
    """The difference, its reason with the names of the components that have no value."""
    if difference.delta is not None or not len(before):
        return difference
    lacking = [
        f"{name} has no value in {'either run' if a and b else 'the baseline' if a else 'the candidate'}"
        for name, a, b in zip(names, _empty(before), _empty(after), strict=True)
        if a or b
    ]
    return replace(difference, reason="; ".join(lacking))


def _empty(values: Array) -> list[bool]:
    return [bool(np.isnan(column).all()) for column in values.T]


def _item_scores(before: Array, after: Array) -> tuple[Array, Array]:
    """Each item's own score on both sides, (items,): the mean of the components that both have, NaN without any."""
    both = ~(np.isnan(before) | np.isnan(after))
    # 0/0 is NaN: an item without a common component has no score.
    with np.errstate(invalid="ignore"):
        first, second = (np.where(both, side, 0.0).sum(axis=1) / both.sum(axis=1) for side in (before, after))
    return first, second


def _changes(pairs: Sequence[Pair], before: Array, after: Array) -> Changes:
    """What became of each item's own score."""
    first, second = _item_scores(before, after)
    moves = second - first
    all_or_nothing = np.isin(np.concatenate([before, after]), (0.0, 1.0)) | np.isnan(np.concatenate([before, after]))
    flipped = np.flatnonzero(np.abs(moves) > (_EQUAL if all_or_nothing.all() else _FLIP))
    return Changes(
        wins=int((moves > _EQUAL).sum()),
        losses=int((moves < -_EQUAL).sum()),
        ties=int((np.abs(moves) <= _EQUAL).sum()),
        flips=tuple(_flip(pairs[k], float(first[k]), float(second[k])) for k in flipped),
    )


def _flip(p: Pair, before: float, after: float) -> Flip:
    item = p.baseline
    return Flip(
        id=item.id,
        document_hash=item.document_hash,
        groups=item.groups,
        baseline=before,
        candidate=after,
        baseline_key=item.response_key,
        candidate_key=p.candidate.response_key,
    )


def _mcnemar(before: Array, after: Array, clusters: int) -> float | None:
    """The exact p value where items are independent, and right or wrong as a whole; else None."""
    first, second = _item_scores(before, after)
    right_or_wrong = np.isin(np.concatenate([first, second]), (0.0, 1.0)).all()
    if not len(first) or clusters < len(first) or not right_or_wrong:
        return None
    return mcnemar(first, second).p


def _outcomes(task: TaskRecord) -> dict[str, int]:
    counts: dict[str, int] = dict(task.outcomes.items())
    return counts if task.truncated is None else counts | {"truncated": task.truncated}
