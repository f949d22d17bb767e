"""`evaluate` and `score`: the public functions of this room."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clueplus
from clueplus.data import Library
from clueplus.errors import ClueplusError, StoreError
from clueplus.evaluation.generate import Generation, generate
from clueplus.evaluation.options import Options, Reporter, slug
from clueplus.evaluation.plan import plan
from clueplus.evaluation.preflight import (
    check_data,
    check_model,
    check_variant,
    check_writable,
    note_long_prompts,
    note_missing_metrics,
)
from clueplus.evaluation.record import (
    GenerationRecord,
    ItemRecord,
    ModelRecord,
    RunRecord,
    TaskRecord,
    read_run,
    write_run,
)
from clueplus.evaluation.score import average, score_task
from clueplus.evaluation.serving import serving, with_one_restart
from clueplus.evaluation.store import ResponseStore
from clueplus.evaluation.task import LoadedTask, load_tasks
from clueplus.models import BaselineModel, EndpointModel, Model, Request
from clueplus.models.base import Api, Order, Prompt
from clueplus.models.server import served_model
from clueplus.registry import Catalog, ModelSpec, TaskSpec, VariantName

STORE_NAME = "responses.jsonl"
DEFAULT_BASELINE = "baseline:nearest"
# Above this share of infrastructure errors in one task, the run is not a result.
MAX_INFRASTRUCTURE_SHARE = 0.01


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and what was written there."""

    folder: Path
    record: RunRecord
    items: list[ItemRecord]


def evaluate(options: Options, reporter: Reporter) -> Run:
    """Preflight, plan, generate, score, record.

    Raises:
        ClueplusError: the run can't start, or stopped half-way with every finished answer stored. A run whose
            infrastructure errors are too many is written, then raised.
    """
    if options.limit is not None and options.limit < 1:
        raise ClueplusError(f"--limit {options.limit}: at least 1")
    catalog = Catalog(options.tasks_dirs)
    specs = catalog.select(options.tasks)
    is_baseline = options.model.partition(":")[0] == "baseline"
    variant: VariantName = options.variant or ("sample" if is_baseline else "official")
    check_model(options, catalog, is_baseline)
    check_variant(specs, variant)
    check_data(specs, variant, Library.here(options.mirror))
    check_writable(options.results_dir)
    started = time.perf_counter()
    if is_baseline or options.base_url:
        answered = asyncio.run(_answer(options, catalog, specs, variant, options.base_url, reporter))
    else:
        with serving(options, catalog, reporter) as server:
            answered = with_one_restart(
                server,
                lambda: asyncio.run(_answer(options, catalog, specs, variant, server.base_url, reporter)),
                reporter,
            )
    seconds = time.perf_counter() - started
    created = datetime.now(UTC)
    folder = _new_folder(options.results_dir / slug(answered.model.name), created)
    records, items = _score_all(
        answered.tasks, answered.requests, answered.store, answered.outcome.failures, options.limit
    )
    status, reason = _status(records)
    record = RunRecord(
        run=folder.name,
        status=status,
        reason=reason,
        created=created,
        command=list(options.command),
        clueplus=clueplus.__version__,
        environment=_environment(),
        model=_model_record(answered.model, answered.tasks, catalog, options),
        variant=variant,
        tasks=records,
        average=average(records),
        generation=GenerationRecord(
            requests=len(answered.requests),
            reused=answered.outcome.reused,
            generated=answered.outcome.generated,
            seconds=round(seconds, 3),
            concurrency=answered.model.concurrency,
            store=f"../{STORE_NAME}",
        ),
    )
    write_run(folder, record, items)
    _refuse_incomplete(record, folder)
    return Run(folder, record, items)


def score(run: Path, *, mirror: Path | None = None, tasks_dirs: Sequence[Path] = ()) -> Run:
    """Scores a run's stored answers anew, without generating: after a change of scoring, or to check a record.

    The prompts are rendered again and must be those that were answered.

    Raises:
        ClueplusError: the run, its store or its data are not there or have changed.
    """
    folder, old, old_items = read_run(run)
    catalog = Catalog(tasks_dirs)
    tasks = load_tasks(catalog.select([task.name for task in old.tasks]), catalog, old.variant, Library.here(mirror))
    store = ResponseStore(folder / old.generation.store).load()
    if not len(store):
        raise StoreError(f"{store.path}: no stored answers", fix="keep the store beside the run, or evaluate again")
    known = {(item.task, item.index): item for item in old_items}
    limits = {task.name: task.limit for task in old.tasks}
    requests: list[Request] = []
    for task in tasks:
        for request in plan([task], _Recorded(old.model), limits[task.name]):
            item = known.get((task.name, request.index))
            if item is None or item.prompt_hash != request.prompt_hash:
                raise StoreError(
                    f"{folder}: the prompt of {task.name} item {request.index} is not the one that was answered",
                    fix="the task or its data changed since: evaluate again",
                )
            requests.append(request)
    failures = {item.response_key: item.reason for item in old_items if item.reason}
    records, items = _score_all(tasks, requests, store, failures, old.tasks[0].limit)
    status, reason = _status(records)
    record = old.model_copy(
        update={
            "tasks": records,
            "average": average(records),
            "status": status,
            "reason": reason,
            "clueplus": clueplus.__version__,
        }
    )
    write_run(folder, record, items)
    _refuse_incomplete(record, folder)
    return Run(folder, record, items)


class _Recorded:
    """Stands for the model of a record when its plan is made again."""

    def __init__(self, record: ModelRecord) -> None:
        self._record = record
        self.name = record.name
        self.concurrency = 1
        self.stop: tuple[str, ...] = tuple(record.spec["stop"]) if record.spec else ()
        self.context: int | None = None
        self.order: Order = "prefix"
        self.api: Api = "completions" if record.api == "completions" else "chat"

    def identity(self, task: str) -> dict[str, Any]:
        return self._record.identity[task]

    async def open(self) -> None:
        raise NotImplementedError

    async def count(self, prompt: Prompt) -> int | None:
        raise NotImplementedError

    async def answer(self, request: Request) -> Any:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class _Answered:
    """What generation leaves behind for scoring."""

    model: Model
    tasks: list[LoadedTask]
    requests: list[Request]
    store: ResponseStore
    outcome: Generation


async def _answer(
    options: Options,
    catalog: Catalog,
    specs: Sequence[TaskSpec],
    variant: VariantName,
    base_url: str | None,
    reporter: Reporter,
) -> _Answered:
    """Opens the model, then loads tasks: an endpoint that is down is told of at once."""
    endpoint = _endpoint(options, catalog, base_url) if base_url else None
    try:
        if endpoint:
            await endpoint.open()
        tasks = load_tasks(specs, catalog, variant, Library.here(options.mirror))
        note_missing_metrics(tasks, reporter)
        model: Model = endpoint or _baseline(options.model, tasks)
        store = ResponseStore(options.results_dir / slug(model.name) / STORE_NAME)
        if not options.fresh:
            store.load()
        requests = plan(tasks, model, options.limit)
        if endpoint and endpoint.context:
            note_long_prompts(requests, endpoint.context, reporter)
        reporter.start(len({request.key for request in requests}))
        outcome = await generate(model, requests, store, fresh=options.fresh, progress=reporter.progress)
        return _Answered(model, tasks, requests, store, outcome)
    finally:
        reporter.finish()
        if endpoint:
            await endpoint.close()


def _score_all(
    tasks: Sequence[LoadedTask],
    requests: Sequence[Request],
    store: ResponseStore,
    failures: dict[str, str],
    limit: int | None,
) -> tuple[list[TaskRecord], list[ItemRecord]]:
    records, items = [], []
    for task in tasks:
        own = [request for request in requests if request.task == task.name]
        record, task_items = score_task(task, own, store.get, failures, limit)
        records.append(record)
        items += task_items
    return records, items


def _baseline(name: str, tasks: Sequence[LoadedTask]) -> BaselineModel:
    return BaselineModel(DEFAULT_BASELINE if name == "baseline" else name, {task.name: task.pool for task in tasks})


def _endpoint(options: Options, catalog: Catalog, base_url: str) -> EndpointModel:
    spec = catalog.models.get(options.model)
    if options.base_url:  # somebody else's server: it serves the weights under their own name
        name = options.model if spec is None or spec.weights is None else spec.weights
    else:
        name = served_model(options.model, spec).name
    return EndpointModel(
        name,
        base_url,
        api=options.api or (spec.api if spec else "chat"),
        revision=spec.revision if spec else None,
        stop=spec.stop if spec else (),
        concurrency=options.concurrency,
        timeout=options.timeout,
        attempts=options.attempts,
    )


def _model_record(model: Model, tasks: Sequence[LoadedTask], catalog: Catalog, options: Options) -> ModelRecord:
    spec: ModelSpec | None = catalog.models.get(options.model)
    endpoint = isinstance(model, EndpointModel)
    return ModelRecord(
        name=model.name,
        kind="endpoint" if endpoint else "baseline",
        api=model.api,
        identity={task.name: model.identity(task.name) for task in tasks},
        host=urlsplit(model.base_url).netloc.rpartition("@")[2] if isinstance(model, EndpointModel) else None,
        max_model_len=model.context if isinstance(model, EndpointModel) else None,
        spec=spec.model_dump(mode="json", exclude={"path"}) if spec else None,
    )


def _status(tasks: Sequence[TaskRecord]) -> tuple[Any, str | None]:
    for task in tasks:
        failed = task.outcomes["infrastructure_error"]
        if failed > MAX_INFRASTRUCTURE_SHARE * task.documents:
            why = max(task.failures, key=lambda reason: task.failures[reason])
            return "incomplete", f"{task.name}: {failed} of {task.documents} requests got no answer: {why}"
    return "complete", None


def _refuse_incomplete(record: RunRecord, folder: Path) -> None:
    if record.status == "incomplete":
        raise ClueplusError(
            f"not a result: {record.reason} (recorded in {folder})",
            fix="mend the cause and run the same command: only what failed is asked again",
        )


def _environment() -> dict[str, str]:
    found = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
    for package in ("lm-eval", "numpy", "scipy", "scikit-learn", "rapidfuzz", "nltk", "torch", "transformers"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _new_folder(parent: Path, created: datetime) -> Path:
    """A folder name that no other run has, even one of the same second."""
    stamp = created.strftime("%Y%m%dT%H%M%SZ")
    names = (stamp if number == 1 else f"{stamp}-{number}" for number in range(1, 1000))
    return next(parent / name for name in names if not (parent / name).exists())
