"""Two runs or more, each against each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from clueplus.comparison.comparison import Comparison, Description, compare, describe
from clueplus.comparison.fields import NotComparableError
from clueplus.comparison.task import TaskComparison
from clueplus.errors import ClueplusError
from clueplus.records.run import Run
from clueplus.statistics.multiplicity import holm

# Level of the marks in tables; the numbers behind them stand beside.
ALPHA = 0.05


@dataclass(frozen=True)
class Several:
    """All pairs of runs: the earlier one is the baseline of the later ones.

    `scores` holds the recorded column of each task and run, None where a run has none. `macro_p` are the p values of
    the pairs' mean differences, adjusted (Holm) for the number of pairs.
    """

    runs: tuple[Description, ...]
    scores: Mapping[str, tuple[float | None, ...]]
    pairs: Mapping[tuple[int, int], Comparison]
    macro_p: Mapping[tuple[int, int], float | None]

    def best(self, task: str) -> frozenset[int]:
        """The run with the best score on a task, and those that are not shown to be worse than it."""
        scored = [(score, -number) for number, score in enumerate(self.scores[task]) if score is not None]
        if not scored:
            return frozenset()
        first = -max(scored)[1]
        return frozenset(
            number for _, minus in scored if (number := -minus) == first or self._tied(task, first, number)
        )

    def _tied(self, task: str, first: int, other: int) -> bool:
        p = self.task(task, *sorted((first, other))).p_holm
        return p is None or p >= ALPHA

    def task(self, task: str, baseline: int, candidate: int) -> TaskComparison:
        """One task of one pair."""
        return next(found for found in self.pairs[baseline, candidate].tasks if found.task == task)


def compare_all(runs: Sequence[Run], tasks: Sequence[str] = ()) -> Several:
    """Compares every run with every later one.

    Args:
        runs: two or more.
        tasks: only these, all that there are when empty.

    Raises:
        NotComparableError: two of them did not do the same work; both are named, and the first field that differs.
        ClueplusError: fewer than two runs, or an unknown task.
    """
    if len(runs) < 2:
        raise ClueplusError("one run has nothing to be compared with", fix="give two runs or more")
    pairs = {(a, b): _compare(runs[a], runs[b], tasks) for a, b in combinations(range(len(runs)), 2)}
    known = [{task.name: task.score.value for task in run.record.tasks} for run in runs]
    names = list(dict.fromkeys(task.task for pair in pairs.values() for task in pair.tasks))
    adjusted = holm([pair.macro.two_sided_p() for pair in pairs.values()])
    return Several(
        runs=tuple(map(describe, runs)),
        scores={name: tuple(scores.get(name) for scores in known) for name in names},
        pairs=pairs,
        macro_p=dict(zip(pairs, adjusted, strict=True)),
    )


def _compare(baseline: Run, candidate: Run, tasks: Sequence[str]) -> Comparison:
    try:
        return compare(baseline, candidate, tasks)
    except NotComparableError as error:
        raise NotComparableError(error.differing, str(baseline.folder), str(candidate.folder)) from error
