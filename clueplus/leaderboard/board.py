"""One board: a variant's rows and columns, and why a cell has no number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from clueplus.files import canonical_json
from clueplus.leaderboard.facts import Facts, RowKind, from_record
from clueplus.leaderboard.runs import Items, StoredRun
from clueplus.leaderboard.text import slug
from clueplus.records.run import TaskRecord
from clueplus.registry import TaskSpec, Tier, VariantName

SCORING = "clueplus-1"
NOT_RUN = "not run"


class Protocol(NamedTuple):
    """What two scores of a task must share to stand in one column."""

    version: int
    documents: str
    shots: int
    temperature: float
    metric_models: str


@dataclass(frozen=True)
class Column:
    """A task on a board. `protocol` is None where no record fills the column."""

    spec: TaskSpec
    group: str
    variant: VariantName
    protocol: Protocol | None

    @property
    def name(self) -> str:
        """The task's name."""
        return self.spec.name

    @property
    def tier(self) -> Tier | None:
        """The tier of the variant's data; None where the task lacks the variant."""
        declared = self.spec.metadata.variants.get(self.variant)
        return declared.tier if declared else None


@dataclass(frozen=True)
class Cell:
    """A score in [0, 1], or the reason why there is none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str | None = None
    run: StoredRun | None = None
    record: TaskRecord | None = None

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def items(self) -> Items | None:
        """What is kept of the items, where the score stands on any."""
        return self.run.items[self.record.name] if self.run and self.record and self.value is not None else None


@dataclass(frozen=True)
class Row:
    """A model on a board. `runs` are all complete runs of its name and variant, oldest first."""

    name: str
    kind: RowKind
    facts: Facts
    cells: Mapping[str, Cell]
    runs: Sequence[StoredRun] = ()
    base: str | None = None

    @cached_property
    def slug(self) -> str:
        """The row's name in addresses and its key on the board: published rows may be called like measured ones."""
        return slug(self.name) if self.measured else f"{self.kind}~{slug(self.name)}"

    @property
    def measured(self) -> bool:
        """Whether the row stands on records with items."""
        return self.kind in ("model", "baseline")

    @property
    def scores(self) -> dict[str, float | None]:
        """The score of each column."""
        return {name: cell.value for name, cell in self.cells.items()}


@dataclass(frozen=True)
class Board:
    """All rows of one variant. `sets` are the lists of columns over which rows are averaged and ranked."""

    variant: VariantName
    columns: Sequence[Column]
    rows: Sequence[Row]
    sets: Mapping[str, Sequence[str]]


def make_board(
    variant: VariantName,
    runs: Iterable[StoredRun],
    specs: Sequence[tuple[TaskSpec, str]],
    documents: Mapping[str, str],
) -> tuple[list[Column], list[Row]]:
    """The columns and the rows of a variant, rows in the order of their names.

    Args:
        variant: the variant; runs of others are passed over.
        runs: oldest first.
        specs: the tasks in the order of the columns, each with its column group.
        documents: by task, the sha256 of the variant's test documents where `stats.json` has it.
    """
    by_model: dict[str, list[StoredRun]] = {}
    for run in runs:
        if run.record.variant == variant and run.record.status == "complete":
            by_model.setdefault(run.record.model.name, []).append(run)
    counted = {name: _of_one_checkpoint(own) for name, own in sorted(by_model.items())}
    columns = [
        Column(spec, group, variant, _protocol(spec, list(counted.values()), documents.get(spec.name)))
        for spec, group in specs
    ]
    rows = []
    for name, own in counted.items():
        newest = own[-1].record.model
        kind: RowKind = "baseline" if newest.kind == "baseline" else "model"
        facts = from_record(newest.spec, newest.origin)
        cells = {column.name: _cell(column, own) for column in columns}
        rows.append(Row(name, kind, facts, cells, by_model[name], facts.base))
    return columns, rows


def trivial_row(columns: Sequence[Column], rows: Sequence[Row]) -> Row:
    """Each task's own trivial baseline, as the records of the column measured it on the same items."""
    cells = {}
    for column in columns:
        records = [cell.record for row in rows if (cell := row.cells[column.name]).record and cell.value is not None]
        known = [r.trivial_baseline for r in records if r and r.trivial_baseline.score.value is not None]
        if known:
            measured = known[-1].score
            cells[column.name] = Cell(measured.value, n=measured.n, reason=known[-1].name)
        else:
            cells[column.name] = Cell(reason="no record has it")
    return Row("trivial baselines", "trivial", Facts(), cells)


def _of_one_checkpoint(runs: Sequence[StoredRun]) -> list[StoredRun]:
    """The runs whose model is that of the newest run over a whole task, or of the newest one."""
    whole = [run for run in runs if any(task.limit is None for task in run.record.tasks)]
    chosen = (whole or runs)[-1].fingerprint
    return [run for run in runs if run.fingerprint == chosen]


def protocol(task: TaskRecord) -> Protocol:
    """What a task's score was made with."""
    temperature = task.decoding.get("temperature", 0.0)
    return Protocol(
        task.version,
        task.data.documents.get("test", ""),
        task.shots,
        float(temperature) if isinstance(temperature, int | float) else -1.0,
        canonical_json(task.metric_models),
    )


def _protocol(spec: TaskSpec, rows: Sequence[Sequence[StoredRun]], documents: str | None) -> Protocol | None:
    """The column's protocol: of the task's present version, on its declared documents, what most rows have.

    Of those that as many rows have, the one used last.
    """
    rows_with: Counter[Protocol] = Counter()
    last: dict[Protocol, datetime] = {}
    for runs in rows:
        own = {
            protocol(task): run.created
            for run in runs
            if (task := run.task(spec.name)) and _unfit(task) is None and task.version == spec.metadata.version
        }
        rows_with.update(own.keys())
        last |= {each: max(when, last.get(each, when)) for each, when in own.items()}
    declared = [each for each in rows_with if each.documents == documents]
    return max(declared or rows_with, key=lambda each: (rows_with[each], last[each]), default=None)


def _unfit(task: TaskRecord) -> str | None:
    """Why a task's record has no number for any column."""
    if task.limit is not None:
        return f"only the first {task.limit} documents"
    if task.scoring != SCORING:
        return f"scored with {task.scoring}"
    if task.score.value is None:
        return task.score.reason or "no score"
    return None


def _cell(column: Column, runs: Sequence[StoredRun]) -> Cell:
    """The newest score that fits the column, or what is wrong with the newest one."""
    if column.tier is None:
        return Cell(reason=f"the task has no {column.variant} data")
    faults = []
    for run in reversed(runs):
        task = run.task(column.name)
        if task is None:
            continue
        fault = _unfit(task) or _differs(protocol(task), column.protocol)
        if fault is None:
            score = task.score
            return Cell(score.value, score.low, score.high, score.n, score.reason, run, task)
        faults.append(fault)
    return Cell(reason=faults[0] if faults else NOT_RUN)


def _differs(own: Protocol, column: Protocol | None) -> str | None:
    if column is None:
        return "another version of the task"
    for name, words in _WORDS.items():
        if getattr(own, name) != getattr(column, name):
            return words
    return None


_WORDS = {
    "version": "another version of the task",
    "documents": "other documents",
    "shots": "another number of shots",
    "temperature": "another temperature",
    "metric_models": "another metric model",
}
