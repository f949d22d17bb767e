"""The run records under a folder: read, validated, and condensed to what a board needs of their items."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clueplus.errors import ClueplusError, StoreError
from clueplus.files import canonical_json, sha256
from clueplus.records.run import RECORD_NAME, ItemRecord, RunRecord, TaskRecord, read_run
from clueplus.statistics.pairwise import ClusterSums, cluster_sums

BINS = 20


class Items(NamedTuple):
    """What is kept of a task's items: sums for paired tests (None where a component has no value), and counts.

    `histogram` counts the items by their mean of components, in `BINS` bins of [0, 1].
    """

    sums: ClusterSums | None
    histogram: NDArray[np.int64]
    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True)
class StoredRun:
    """A run that may enter the site. `place` is its folder under the results folder."""

    place: str
    folder: Path
    record: RunRecord
    items: dict[str, Items]

    @property
    def fingerprint(self) -> str:
        """What tells two checkpoints of one name apart; a baseline's few-shot pool differs by task and is left out."""
        known = {
            canonical_json({key: value for key, value in identity.items() if key != "pool"})
            for identity in self.record.model.identity.values()
        }
        return sha256("\n".join(sorted(known)))[:12]

    @property
    def created(self) -> datetime:
        """When the run was made; a time without a zone is taken as UTC."""
        when = self.record.created
        return when if when.tzinfo else when.replace(tzinfo=UTC)

    def task(self, name: str) -> TaskRecord | None:
        """The record of a task, if the run has it."""
        return next((task for task in self.record.tasks if task.name == name), None)


class Rejected(NamedTuple):
    """A record that is left out, and why."""

    place: str
    reason: str


def collect(results: Path) -> tuple[list[StoredRun], list[Rejected]]:
    """Every run under a results folder, oldest first, and the records that are none.

    Raises:
        ClueplusError: there is no such folder.
    """
    if not results.is_dir():
        raise ClueplusError(f"--results {results}: no such folder", fix="give the folder that holds run records")
    runs, rejected = [], []
    for path in record_paths(results):
        place = path.parent.relative_to(results).as_posix()
        try:
            folder, record, items = read_run(path)
            runs.append(StoredRun(place, folder, record, condense(record, items)))
        except StoreError as error:
            rejected.append(Rejected(place, error.message))
    return sorted(runs, key=lambda run: (run.created, run.place)), rejected


def record_paths(results: Path) -> Iterator[Path]:
    """The `run.json` files under a folder, in the order of their paths; hidden folders and links are not entered."""
    for folder, names, files in os.walk(results):
        names[:] = sorted(name for name in names if not name.startswith("."))
        if RECORD_NAME in files:
            yield Path(folder) / RECORD_NAME


def condense(record: RunRecord, items: Sequence[ItemRecord]) -> dict[str, Items]:
    """What is kept of a run's items, by task."""
    by_task: dict[str, list[ItemRecord]] = {task.name: [] for task in record.tasks}
    for item in items:
        if item.outcome != "infrastructure_error":
            by_task[item.task].append(item)
    return {task.name: _condense_task(task, by_task[task.name]) for task in record.tasks}


def _condense_task(task: TaskRecord, items: Sequence[ItemRecord]) -> Items:
    names = list(task.components)
    rows = [[item.components.get(name) for name in names] for item in items]
    values = np.array(rows, dtype=np.float64).reshape(len(items), len(names))  # None becomes NaN
    return Items(
        cluster_sums(values, [sys.intern(item.cluster) for item in items]),
        _histogram(values),
        _total([item.prompt_tokens for item in items]),
        _total([item.completion_tokens for item in items]),
    )


def _histogram(values: NDArray[np.float64]) -> NDArray[np.int64]:
    present = ~np.isnan(values)
    counts = present.sum(axis=1)
    means = np.where(present, values, 0.0).sum(axis=1)[counts > 0] / counts[counts > 0]
    bins = np.clip((means * BINS).astype(np.int64), 0, BINS - 1)  # the last bin includes 1
    return np.bincount(bins, minlength=BINS).astype(np.int64)


def _total(tokens: Sequence[int | None]) -> int | None:
    known = [count for count in tokens if count is not None]
    return sum(known) if known and len(known) == len(tokens) else None
