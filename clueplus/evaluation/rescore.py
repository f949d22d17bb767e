"""`score`: a run's stored answers scored anew, without generating."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import clueplus
from clueplus.data import Library, data_folder
from clueplus.errors import StoreError
from clueplus.evaluation.plan import Planner
from clueplus.evaluation.run import refuse_incomplete, run_status, score_all
from clueplus.evaluation.score import average
from clueplus.evaluation.store import ResponseStore
from clueplus.evaluation.stores import Stores
from clueplus.evaluation.task import load_tasks
from clueplus.models import Request
from clueplus.models.base import Api, Order
from clueplus.records.run import ItemRecord, ModelRecord, Run, RunRecord, read_run, write_run
from clueplus.registry import Catalog


def score(run: Path, *, mirror: Path | None = None, tasks_dirs: Sequence[Path] = ()) -> Run:
    """Scores a run's stored answers anew: after a change of scoring, or to check a record.

    The prompts are rendered again and must be those that were answered.

    Raises:
        ClueplusError: the run, its store or its data are not there or have changed.
    """
    folder, old, old_items = read_run(run)
    catalog = Catalog(tasks_dirs)
    tasks = load_tasks(catalog.select([task.name for task in old.tasks]), catalog, old.variant, Library.here(mirror))
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
    for new, before in zip(records, old.tasks, strict=True):
        new.decoding.update(before.decoding)
    status, reason = run_status(records)
    changes: dict[str, Any] = {
        "tasks": records,
        "average": average(records),
        "status": status,
        "reason": reason,
        "clueplus": clueplus.__version__,
    }
    record = old.model_copy(update=changes)
    write_run(folder, record, new_items)
    refuse_incomplete(record, folder)
    return Run(folder, record, new_items)


def _stores(folder: Path, record: RunRecord) -> Stores:
    generation = record.generation
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
