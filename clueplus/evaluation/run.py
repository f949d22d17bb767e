"""`evaluate`: preflight, plan, generate, score, record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import clueplus
from clueplus.data import Library, data_folder
from clueplus.errors import ClueplusError
from clueplus.evaluation.answerer import Answerer, answerer, is_baseline
from clueplus.evaluation.environment import environment
from clueplus.evaluation.fit import fit
from clueplus.evaluation.generate import Generation, generate
from clueplus.evaluation.options import Options, Reporter, slug
from clueplus.evaluation.origin import origin_beside
from clueplus.evaluation.parity import check_scoring
from clueplus.evaluation.plan import Planner, Sampling
from clueplus.evaluation.preflight import (
    check_data,
    check_model,
    check_variant,
    check_writable,
    note_missing_metrics,
    note_uncountable_prompts,
)
from clueplus.evaluation.score import DEFAULT_REASONING, average, score_task
from clueplus.evaluation.stores import Stores, open_stores, store_name
from clueplus.evaluation.task import LoadedTask, load_tasks
from clueplus.models import BaselineModel, EndpointModel, Model, Request
from clueplus.models.data_use import DataUse, check_destinations, read_data_use
from clueplus.records.lineage import Origin
from clueplus.records.run import (
    MAX_INFRASTRUCTURE_SHARE,
    GenerationRecord,
    ItemRecord,
    ModelRecord,
    Run,
    RunRecord,
    TaskRecord,
    write_run,
)
from clueplus.registry import Catalog, TaskSpec, VariantName


def evaluate(options: Options, reporter: Reporter) -> Run:
    """One run, or the last of `options.repeat`.

    Raises:
        ClueplusError: the run can't start, or stopped half-way with every finished answer stored. A run whose
            infrastructure errors are too many is written, then raised.
    """
    return evaluate_repeatedly(options, reporter)[-1]


def evaluate_repeatedly(options: Options, reporter: Reporter) -> list[Run]:
    """`options.repeat` runs of the same work, each with answers of its own, on the same servers.

    Raises:
        ClueplusError: as `evaluate`.
    """
    job = _prepare(options, reporter)
    runs = []
    with answerer(options, job.catalog, job.data_use, restricted=bool(job.restricted), reporter=reporter) as make_model:
        for repeat in range(options.repeat):
            if options.repeat > 1:
                reporter.note(f"run {repeat + 1} of {options.repeat}")
            runs.append(_one_run(job, make_model, repeat, reporter))
    return runs


@dataclass(frozen=True, repr=False)
class _Job:
    """What was asked for, found to be possible."""

    options: Options
    catalog: Catalog
    specs: list[TaskSpec]
    variant: VariantName
    data_use: DataUse | None
    restricted: list[str]
    sampling: Sampling
    origin: Origin | None

    @cached_property
    def tasks(self) -> list[LoadedTask]:
        """The tasks with their documents, loaded once for all repetitions."""
        options = self.options
        return load_tasks(self.specs, self.catalog, self.variant, Library.here(options.mirror), options.scoring)


def _prepare(options: Options, reporter: Reporter) -> _Job:
    """Refuses what can't work before anything long starts, and before a byte of a document goes anywhere."""
    for name, number in (("limit", options.limit), ("repeat", options.repeat), ("replicas", options.replicas)):
        if number is not None and number < 1:
            raise ClueplusError(f"--{name} {number}: at least 1")
    catalog = Catalog(options.tasks_dirs)
    specs = catalog.select(options.tasks)
    variant: VariantName = options.variant or ("sample" if is_baseline(options.model) else "official")
    sampling = Sampling(options.samples, options.temperature).check()
    check_model(options, catalog, is_baseline(options.model))
    check_variant(specs, variant)
    check_scoring(specs, options.scoring, catalog)
    restricted = [spec.name for spec in specs if spec.metadata.variants[variant].tier == "restricted"]
    data_use = read_data_use(options.attest) if options.attest else None
    check_destinations(options.base_urls, restricted, data_use)
    check_data(specs, variant, Library.here(options.mirror))
    check_writable(options.results_dir)
    if data_use:
        reporter.note(f"{data_use.who} attests under {data_use.agreement}: {', '.join(data_use.hosts)}")
    origin = origin_beside(options, catalog.models.get(options.model), reporter)
    return _Job(options, catalog, list(specs), variant, data_use, restricted, sampling, origin)


@dataclass(frozen=True, repr=False)
class _Answered:
    """What generation leaves behind for scoring; without a `repr`, which asyncio takes of results (gigabytes)."""

    model: Model
    requests: list[Request]
    stores: Stores
    outcome: Generation
    seconds: float


def _one_run(job: _Job, make_model: Answerer, repeat: int, reporter: Reporter) -> Run:
    options = job.options
    answered = asyncio.run(_answer(job, make_model, repeat, reporter))
    created = datetime.now(UTC)
    model_record = _model_record(answered.model, job)
    folder = _new_folder(options.results_dir / slug(answered.model.name), created)
    records, items = score_all(
        job.tasks,
        answered.requests,
        answered.stores,
        answered.outcome.failures,
        options.limit,
        model_record.reasoning,
    )
    status, reason = run_status(records)
    record = RunRecord(
        run=folder.name,
        status=status,
        reason=reason,
        created=created,
        command=list(options.command),
        clueplus=clueplus.__version__,
        environment=environment(),
        model=model_record,
        variant=job.variant,
        scoring=options.scoring,
        tasks=records,
        average=average(records),
        generation=_generation_record(answered, job),
    )
    write_run(folder, record, items)
    refuse_incomplete(record, folder)
    return Run(folder, record, items)


async def _answer(job: _Job, make_model: Answerer, repeat: int, reporter: Reporter) -> _Answered:
    """Opens the model, then loads tasks: an endpoint that is down is told of at once."""
    options = job.options
    model = make_model(job.tasks if is_baseline(options.model) else [])
    try:
        await model.open()
        tasks = job.tasks
        note_missing_metrics(tasks, reporter)
        stores = open_stores(options.results_dir, model.name, store_name(repeat), restricted=bool(job.restricted))
        if not options.fresh:
            stores.load()
        planner = Planner(model, job.sampling)
        requests = [request for task in tasks for request in planner.task(task, options.limit)]
        note_uncountable_prompts(requests, model, reporter)
        requests = await fit(requests, tasks, planner, reporter)
        reporter.start(len({request.key for request in requests}))
        started = time.perf_counter()
        outcome = await generate(model, requests, stores, fresh=options.fresh, progress=reporter.progress)
        return _Answered(model, requests, stores, outcome, time.perf_counter() - started)
    finally:
        reporter.finish()
        await model.close()


def score_all(
    tasks: Sequence[LoadedTask],
    requests: Sequence[Request],
    stores: Stores,
    failures: dict[str, str],
    limit: int | None,
    reasoning: tuple[str, str],
) -> tuple[list[TaskRecord], list[ItemRecord]]:
    """The records of all tasks, and their items."""
    records, items = [], []
    for task in tasks:
        own = [request for request in requests if request.task == task.name]
        record, task_items = score_task(task, own, stores.get, failures, limit, reasoning)
        records.append(record)
        items += task_items
    return records, items


def run_status(tasks: Sequence[TaskRecord]) -> tuple[Any, str | None]:
    """Whether so few requests failed that the run is a result; if not, why."""
    for task in tasks:
        failed, asked = task.outcomes["infrastructure_error"], sum(task.outcomes.values())
        if failed > MAX_INFRASTRUCTURE_SHARE * asked:
            why = max(task.failures, key=lambda reason: task.failures[reason])
            return "incomplete", f"{task.name}: {failed} of {asked} requests got no answer: {why}"
    return "complete", None


def refuse_incomplete(record: RunRecord, folder: Path) -> None:
    """Raises when a record is not a result."""
    if record.status == "incomplete":
        raise ClueplusError(
            f"not a result: {record.reason} (recorded in {folder})",
            fix="mend the cause and run the same command: only what failed is asked again",
        )


def _model_record(model: Model, job: _Job) -> ModelRecord:
    spec = job.catalog.models.get(job.options.model)
    served = isinstance(model, EndpointModel)
    return ModelRecord(
        name=model.name,
        kind="endpoint" if served else "baseline" if isinstance(model, BaselineModel) else "transformers",
        api=model.api,
        identity={task.name: model.identity(task.name) for task in job.tasks},
        hosts=[endpoint.host for endpoint in model.endpoints] if isinstance(model, EndpointModel) else [],
        engine=model.engine if isinstance(model, EndpointModel) else None,
        context=model.context,
        stop=list(model.stop),
        reasoning=(spec.reasoning.start, spec.reasoning.end) if spec else DEFAULT_REASONING,
        spec=spec.model_dump(mode="json", exclude={"path"}) if spec else None,
        origin=job.origin,
    )


def _generation_record(answered: _Answered, job: _Job) -> GenerationRecord:
    restricted = answered.stores.restricted
    model = answered.model
    return GenerationRecord(
        requests=len(answered.requests),
        reused=answered.outcome.reused,
        generated=answered.outcome.generated,
        seconds=round(answered.seconds, 3),
        concurrency=model.concurrency,
        store=f"../{answered.stores.shared.path.name}",
        restricted_store=restricted.path.relative_to(data_folder()).as_posix() if restricted else None,
        retired=model.retired if isinstance(model, EndpointModel) else [],
        data_use=job.data_use.record() if job.data_use else None,
    )


def _new_folder(parent: Path, created: datetime) -> Path:
    """A folder name that no other run has, even one of the same second."""
    stamp = created.strftime("%Y%m%dT%H%M%SZ")
    names = (stamp if number == 1 else f"{stamp}-{number}" for number in range(1, 1000))
    return next(parent / name for name in names if not (parent / name).exists())
