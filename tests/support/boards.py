"""Folders of run records for tests and benchmarks of the leaderboard: models of known skill on the real tasks."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from clueplus.records.run import BaselineRecord, DataRecord, Measure, Run, TaskRecord, write_run
from clueplus.registry import Catalog, TaskSpec
from clueplus.statistics.column import linearise
from clueplus.statistics.intervals import mean_of_means_interval
from tests.support.runs import CREATED, make_items, make_run, make_task

TWELVE = Catalog().groups["clueplus"].task
ALL = [*TWELVE, *sorted(Catalog().tasks.keys() - set(TWELVE))]


@cache
def spec_of(task: str) -> TaskSpec:
    return Catalog().task(task)


def draw(task: str, skill: float, count: int, seed: int) -> np.ndarray[Any, Any]:
    """(items, components) scores: items have a difficulty that all models share, a model a skill and some luck."""
    components = len(spec_of(task).metadata.components)
    shared = np.random.default_rng([7, *task.encode()])
    difficulty = shared.uniform(-0.35, 0.35, size=(count, components))
    luck = np.random.default_rng([seed, *task.encode()]).normal(0, 0.1, size=(count, components))
    value = np.clip(skill - difficulty + luck, 0, 1)
    return np.round(value) if components == 1 else np.round(value, 3)


def task_record(
    task: str, items: Sequence[Any], values: np.ndarray[Any, Any], variant: str, **fields: Any
) -> TaskRecord:
    interval = mean_of_means_interval(values, [item.cluster for item in items])
    spec = spec_of(task)
    declared = spec.metadata.variants.get(variant, spec.metadata.variants["sample"])  # type: ignore[call-overload]
    score = {"value": linearise(values).score, "n": len(values), "low": interval.low, "high": interval.high}
    data = {
        "variant": variant,
        "tier": declared.tier,
        "licence": declared.licence,
        "sources": {},
        "documents": {"test": f"{task} {variant}"},
    }
    return make_task(
        task,
        items,
        **{
            "version": spec.metadata.version,
            "title": spec.metadata.title,
            "data": DataRecord.model_validate(data),
            "score": Measure.model_validate(score),
            "trivial_baseline": BaselineRecord(name="baseline:majority", score=Measure(value=0.2, n=len(values))),
            **fields,
        },
    )


def board_run(
    name: str,
    skill: float | Mapping[str, float] = 0.5,
    *,
    tasks: Iterable[str] = TWELVE,
    variant: str = "official",
    items: int = 40,
    seed: int = 1,
    after: int = 0,
    spec: Mapping[str, Any] | None = None,
    task_fields: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Run:
    """A run of a model whose expected score is about `skill`, created `after` hours after the others."""
    found, records = {}, []
    for task in tasks:
        values = draw(task, skill if isinstance(skill, float) else skill[task], items, seed)
        names = spec_of(task).metadata.components
        components = [dict(zip(names, map(float, row), strict=True)) for row in values]
        found[task] = make_items(task, components, prompt_tokens=300, completion_tokens=20)
        records.append(task_record(task, found[task], values, variant, **dict(task_fields or {})))
    kind = "baseline" if name.startswith("baseline:") else "endpoint"
    model = {"kind": kind, "spec": dict(spec) if spec else None, **fields.pop("model_fields", {})}
    created = CREATED + timedelta(hours=after)
    common = {"created": created, "run": created.strftime("%Y%m%dT%H%M%SZ"), "variant": variant}
    run = make_run(found, name=name, model_fields=model, **common, **fields)
    return run._replace(record=run.record.model_copy(update={"tasks": records, "scoring": records[0].scoring}))


def write_runs(results: Path, *runs: Run) -> Path:
    """Writes the runs, each in a folder of its own; names of models need not fit folders."""
    for number, run in enumerate(runs):
        write_run(results / f"model-{number}" / run.record.run, run.record, run.items)
    return results
