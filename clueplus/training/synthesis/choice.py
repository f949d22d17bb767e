"""Which rows get a rejected answer, how many of an instruction, with which kind of error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from clueplus.files import sha256
from clueplus.training.synthesis.filter import RANK
from clueplus.training.synthesis.reading import TrainingRow, stratum
from clueplus.training.synthesis.recipe import Corrupted
from clueplus.training.synthesis.sampling import integer

STRATA = ("task_type", "document_type", "output_format")


@dataclass(frozen=True, repr=False)
class Chosen:
    """A row that gets a rejected answer, with which kind of error; `key` is of what it says."""

    row: TrainingRow
    key: str
    error_type: str


def choose(
    rows: Sequence[TrainingRow], corrupted: Corrupted, instructions: int | None = None, seed: int = 1234
) -> list[Chosen]:
    """The rows that get a rejected answer: of the best instructions, the better the more pairs.

    The instructions take turns by task, document and format, the best of each first, an instruction being as good as
    its rows are on average; so the first ones, which get the most pairs, are a mixture too.

    Args:
        rows: that pass the checks.
        corrupted: shares and error types.
        instructions: how many; None for all, and no more than the recipe's.
        seed: of the draws of error types.
    """
    groups: dict[str, list[TrainingRow]] = {}
    for row in rows:
        groups.setdefault(row["instruction"], []).append(row)
    ordered = [*_in_turn([*groups.values()])]
    wanted = min(len(ordered), instructions or corrupted.instructions)
    chosen = []
    for rank, group in enumerate(ordered[:wanted]):
        best = sorted(group, key=lambda row: (-_score(row), content_key(row)))
        chosen += [_drawn(row, corrupted, seed) for row in best[: pairs_at(rank / wanted, corrupted)]]
    return chosen


def pairs_at(place: float, corrupted: Corrupted) -> int:
    """How many pairs an instruction gets whose rank is this fraction, from 0 for the best, of all."""
    passed = 0
    for share in corrupted.shares:
        passed += share.instructions
        if place * corrupted.instructions < passed:
            return share.pairs
    return corrupted.shares[-1].pairs


def _in_turn(groups: list[list[TrainingRow]]) -> Iterator[list[TrainingRow]]:
    strata: dict[tuple[str, ...], list[list[TrainingRow]]] = {}
    for group in sorted(groups, key=lambda each: (-fmean(map(_score, each)), content_key(each[0]))):
        strata.setdefault(stratum(group[0], STRATA), []).append(group)
    longest = max(map(len, strata.values()), default=0)
    for turn in range(longest):
        yield from (strata[name][turn] for name in sorted(strata) if turn < len(strata[name]))


def _score(row: TrainingRow) -> float:
    """A row's quality; one without a score is as bad as can be."""
    return float(row.get(RANK, 0.0))


def content_key(row: TrainingRow) -> str:
    """A hash of what a row says."""
    return sha256("\0".join([row["instruction"], row["input"], row["output"]]))


def _drawn(row: TrainingRow, corrupted: Corrupted, seed: int) -> Chosen:
    key, names = content_key(row), [*corrupted.error_types]
    return Chosen(row, key, names[integer(seed, key, "error_type") % len(names)])
