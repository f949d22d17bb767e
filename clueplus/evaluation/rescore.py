"""`score`: a run's stored answers scored anew, without generating."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import clueplus
from clueplus.data import Library, data_folder
from clueplus.errors import ClueplusError, StoreError
from clueplus.evaluation.parity import check_scoring
from clueplus.evaluation.plan import Planner
from clueplus.evaluation.run import refuse_incomplete, run_status, score_all
from clueplus.evaluation.score import average
from clueplus.evaluation.store import ResponseStore
from clueplus.evaluation.stores import Stores
from clueplus.evaluation.task import load_tasks
from clueplus.models import Request
from clueplus.models.base import Api, Order
from clueplus.records.run import ItemRecord, ModelRecord, Run, RunRecord, read_run, write_run
from clueplus.registry import Catalog, Scoring, TaskSpec


def score(
    run: Path,
    *,
    scoring: Scoring | None = None,
    only: Sequence[str] = (),
    mirror: Path | None = None,
    tasks_dirs: Sequence[Path] = (),
) -> Run:
    """Scores a run's stored answers anew: after a change of scoring, or to check a record.

    The prompts are rendered again and must be those that were answered. In the run's own scoring version, the record is
    written again in its place; in another one, beside it, as a run of its own: `RUN-clue-2024`.

    Args:
        run: the folder or the record of a run.
        scoring: the scoring version; None for the run's own.
        only: tasks and groups of the run to score, in another version alone; all of them when empty.
        mirror: a folder with the source files.
        tasks_dirs: further folders with tasks.

    Raises:
        ClueplusError: the run, its store or its data are not there or have changed; or a task lacks the scoring.
    """
    folder, old, old_items = read_run(run)
    for recorded in old.tasks:
        if recorded.no_items:
            why = f"{folder}: no items of {recorded.name}: {recorded.no_items}"
            raise StoreError(why, fix="evaluate the model instead")
    scoring = scoring or old.scoring
    catalog = Catalog(tasks_dirs)
    specs = _chosen(catalog, old, only)
    if len(specs) < len(old.tasks) and scoring == old.scoring:
        raise ClueplusError(
            f"{folder}: scored in its own version, its record would lose the tasks that --tasks leaves out",
            fix="leave out --tasks, or name another version with --scoring",
        )
    check_scoring(specs, scoring, catalog)
    tasks = load_tasks(specs, catalog, old.variant, Library.here(mirror), scoring)
    stores = _stores(folder, old).load()
    if not len(stores):
        raise StoreError(f"{stores.shared.path}: no stored answers", fix="keep it beside the run, or evaluate again")
    requests = []
    for task in tasks:
        items = {(item.index, item.sample): item for item in old_items if item.task == task.name}
        planner = Planner(RecordedModel(old.model))
        for index in sorted({index for index, _ in items}):
            (request,) = planner.item(task, index, items[index, 0].cut)
            requests += [_as_answered(folder, request, item) for key, item in sorted(items.items()) if key[0] == index]
    failures = {item.response_key: item.reason for item in old_items if item.reason}
    limit = old.tasks[0].limit
    records, new_items = score_all(tasks, requests, stores, failures, limit, old.model.reasoning)
    decoding = {task.name: task.decoding for task in old.tasks}
    for new in records:
        new.decoding.update(decoding[new.name])
    status, reason = run_status(records)
    target = folder if scoring == old.scoring else _beside(folder, scoring)
    changes: dict[str, Any] = {
        "run": target.name if target != folder else old.run,
        "scoring": scoring,
        "tasks": records,
        "average": average(records),
        "status": status,
        "reason": reason,
        "clueplus": clueplus.__version__,
    }
    record = old.model_copy(update=changes)
    write_run(target, record, new_items)
    refuse_incomplete(record, target)
    return Run(target, record, new_items)


def _chosen(catalog: Catalog, record: RunRecord, only: Sequence[str]) -> list[TaskSpec]:
    """The tasks of a run, or those of them that are asked for."""
    held = [task.name for task in record.tasks]
    chosen = catalog.select(only or held)
    absent = [spec.name for spec in chosen if spec.name not in held]
    if absent:
        raise ClueplusError(f"the run has no {', '.join(absent)}", fix=f"it has {', '.join(held)}")
    return chosen


def _beside(folder: Path, scoring: Scoring) -> Path:
    """Where a run's record in another scoring version stands; its stores are as near."""
    named = Path(os.path.abspath(folder)) if folder.name in ("", "..") else folder
    return named.with_name(f"{named.name}-{scoring}")


def _stores(folder: Path, record: RunRecord) -> Stores:
    generation = record.generation
    if generation is None:
        raise StoreError(f"{folder}: an imported run has no stored answers", fix="evaluate the model instead")
    restricted = generation.restricted_store
    return Stores(
        ResponseStore(folder / generation.store),
        ResponseStore(data_folder() / restricted, private=True) if restricted else None,
    )


def _as_answered(folder: Path, request: Request, item: ItemRecord) -> Request:
    """The request of a recorded item; the key is the recorded one, because the prompt is."""
    if item.prompt_hash != request.prompt_hash:
        raise StoreError(
            f"{folder}: the prompt of {request.task} item {request.index} is not the one that was answered",
            fix="the task or its data changed since: evaluate again",
        )
    return replace(request, sample=item.sample, key=item.response_key)


class RecordedModel:
    """Stands for the model of a record when its plan is made again; it answers nothing."""

    concurrency = 1
    context: int | None = None
    order: Order = "prefix"

    def __init__(self, record: ModelRecord) -> None:
        self._record = record
        self.name = record.name
        self.stop = tuple(record.stop)
        self.api: Api = "completions" if record.api == "completions" else "chat"

    def identity(self, task: str) -> dict[str, Any]:
        """What the record says of the task."""
        return self._record.identity[task]

    async def open(self) -> None:
        """Never called."""
        raise NotImplementedError

    async def count(self, request: Request) -> int | None:
        """Never called."""
        raise NotImplementedError

    async def answer(self, request: Request) -> Any:
        """Never called."""
        raise NotImplementedError

    async def close(self) -> None:
        """Never called."""
        raise NotImplementedError
