"""Scoring: a pure step from stored answers to items, and from items to a task's numbers."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clueplus.data.documents import document_hash
from clueplus.evaluation.task import LoadedTask
from clueplus.files import sha256
from clueplus.metrics.resources import needed, why_missing
from clueplus.models import Answer, BaselineModel, Request
from clueplus.records.labels import labels
from clueplus.records.run import BaselineRecord, DataRecord, ItemRecord, Measure, TaskRecord
from clueplus.statistics import summary
from clueplus.statistics.intervals import mean_of_means_interval

DEFAULT_REASONING = ("<think>", "</think>")
_NOT_METRICS = frozenset({"score", "unscorable"})


def score_task(
    task: LoadedTask,
    requests: Sequence[Request],
    answer: Callable[[Request], Answer | None],
    failures: Mapping[str, str],
    limit: int | None,
    reasoning: tuple[str, str] = DEFAULT_REASONING,
) -> tuple[TaskRecord, list[ItemRecord]]:
    """The record of one task and its items.

    Args:
        task: whose `process_results` and aggregations are used, as stock lm-eval would, or those of its parity module.
        requests: the plan of this task.
        answer: from a request to the stored answer.
        failures: by response key, why there is none.
        limit: how many documents were asked for, for the record.
        reasoning: the marks around what is no part of an answer.
    """
    answers = [answer(request) for request in requests]
    answers = [a and replace(a, text=without_reasoning(a.text, *reasoning)) for a in answers]
    _prepare(task, [a.text for a in answers if a], [r for r, a in zip(requests, answers, strict=True) if a])
    items = [_item(task, r, a, failures.get(r.key)) for r, a in zip(requests, answers, strict=True)]
    scored = [item for item in items if item.outcome != "infrastructure_error"]
    outcomes = Counter(item.outcome for item in items)
    metadata = task.spec.metadata
    record = TaskRecord(
        name=task.name,
        version=metadata.version,
        title=metadata.title,
        data=_data(task),
        scoring=task.scoring,
        metric_models=_metric_models(task),
        shots=task.spec.num_fewshot,
        decoding=requests[0].decoding.record(),
        prompts=sha256("".join(request.prompt_hash for request in requests)),
        documents=len({item.index for item in items}),
        samples=len({item.sample for item in items}),
        limit=limit,
        outcomes={name: outcomes.get(name, 0) for name in ("scored", "unscorable", "infrastructure_error")},
        truncated=sum(item.truncated for item in items),
        cut_prompts=len({item.index for item in items if item.cut}),
        score=_score(task, scored),
        components={name: _component(task, name, scored) for name in metadata.components},
        beside={name: _beside(task, name, scored) for name in task.beside},
        breakdowns={field: _breakdown(task, field, scored) for field in metadata.breakdowns},
        trivial_baseline=_trivial(task, requests),
        failures=dict(Counter(item.reason for item in items if item.reason)),
    )
    return record, items


def _safely(task: LoadedTask, document: Mapping[str, Any], text: str) -> dict[str, Any] | str:
    """The scores of one answer, or why there are none: one bad row must not end the run."""
    try:
        return task.score(document, text)
    except Exception as error:
        return f"scoring failed: {type(error).__name__}"  # what the exception says may hold the row


def without_reasoning(text: str, start: str, end: str) -> str:
    """The answer after what the model thought aloud; nothing when it never stopped thinking."""
    return text.rpartition(end)[2].partition(start)[0]


def _prepare(task: LoadedTask, texts: Sequence[str], answered: Sequence[Request]) -> None:
    """Lets slow metrics see all pairs at once; they then answer each item from memory."""
    for resource in needed(task.measures).values():
        resource.prepare([text.strip() for text in texts], [task.target(request.document) for request in answered])


def _metric_models(task: LoadedTask) -> dict[str, str]:
    """What metrics of this task used beside texts: two scores by different models or tables are not comparable."""
    identities = {name: resource.identity() for name, resource in needed(task.measures).items()}
    return {name: identity for name, identity in identities.items() if identity}


def _item(task: LoadedTask, request: Request, answer: Answer | None, failure: str | None) -> ItemRecord:
    metadata, document = task.spec.metadata, request.document
    common: dict[str, Any] = {
        "task": task.name,
        "index": request.index,
        "sample": request.sample,
        "cut": request.cut,
        **labels(document, metadata, task.variant.tier),
        "document_hash": document_hash(document),
        "prompt_hash": request.prompt_hash,
        "response_key": request.key,
    }
    if answer is None:
        return ItemRecord(**common, outcome="infrastructure_error", reason=failure or "no answer in the store")
    result = _safely(task, document, answer.text)
    if isinstance(result, str):
        return ItemRecord(**common, outcome="infrastructure_error", reason=result)
    beside = {k: float(v) for k, v in result.items() if k in task.beside}
    return ItemRecord(
        **common,
        outcome="unscorable" if result["unscorable"] else "scored",
        truncated=answer.finish_reason == "length",
        answer_hash=sha256(answer.text)[:16],
        components=result["score"],
        beside=beside,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
    )


def _data(task: LoadedTask) -> DataRecord:
    variant = task.variant
    return DataRecord(
        variant=task.variant_name,
        tier=variant.tier,
        licence=variant.licence,
        sources=task.sources,
        documents=task.splits.digest(),
        made_by=task.made_by,
    )


def _score(task: LoadedTask, items: Sequence[ItemRecord]) -> Measure:
    """The column with its interval, or why there is none."""
    names = task.spec.metadata.components
    if not items:
        return Measure(value=None, n=0, reason="no item was scored")
    lacking = _lacking(task, [item.components for item in items])
    if lacking:
        return Measure(value=None, n=len(items), reason=lacking)
    value = task.aggregate("score")([item.components for item in task.counted(items)])
    matrix = np.array(
        [[math.nan if item.components[n] is None else item.components[n] for n in names] for item in items]
    )
    interval = mean_of_means_interval(matrix, [item.cluster for item in items])
    return Measure(
        value=value,
        n=len(items),
        low=interval.low,
        high=interval.high,
        interval=interval.method,
        reason=interval.reason,
    )


def _component(task: LoadedTask, name: str, items: Sequence[ItemRecord]) -> Measure:
    values = [value for item in items if (value := item.components[name]) is not None]
    return _mean(task, name, values, [item.cluster for item in items if item.components[name] is not None])


def _beside(task: LoadedTask, name: str, items: Sequence[ItemRecord]) -> Measure:
    having = [item for item in items if name in item.beside]
    return _mean(task, name, [item.beside[name] for item in having], [item.cluster for item in having])


def _mean(task: LoadedTask, name: str, values: Sequence[float], clusters: Sequence[str]) -> Measure:
    if not values:
        return Measure(value=None, n=0, reason=_why_lacking(name))
    interval = mean_of_means_interval(np.array(values)[:, None], clusters)
    return Measure(
        value=task.aggregate(name)(task.counted(values)),
        n=len(values),
        low=interval.low,
        high=interval.high,
        interval=interval.method,
        reason=interval.reason,
    )


def _why_lacking(name: str) -> str:
    return why_missing(name) or "no item has it"


def _lacking(task: LoadedTask, items: Sequence[Mapping[str, float | None]]) -> str | None:
    """The components that no item has, each with its reason; None when there is none."""
    names = [name for name in task.spec.metadata.components if all(item[name] is None for item in items)]
    return "; ".join(f"{name}: {_why_lacking(name)}" for name in names) or None


def _breakdown(task: LoadedTask, field: str, items: Sequence[ItemRecord]) -> dict[str, Measure]:
    groups: dict[str, list[ItemRecord]] = defaultdict(list)
    for item in items:
        groups[item.groups[field]].append(item)
    return {value: _group_mean(task, groups[value]) for value in sorted(groups, key=_natural)}


def _group_mean(task: LoadedTask, items: Sequence[ItemRecord]) -> Measure:
    """The mean over a group's items of each item's own mean of components; without an interval, groups are small."""
    missing = [f"{name}: {why}" for name in task.spec.metadata.components if (why := why_missing(name))]
    if missing:  # a mean of the other components would look like the column and be another number
        return Measure(value=None, n=0, reason="; ".join(missing))
    values = [statistic for item in items if (statistic := _item_mean(item)) is not None]
    if not values:
        return Measure(value=None, n=0, reason="no item has a component")
    return Measure(value=sum(values) / len(values), n=len(values))


def _item_mean(item: ItemRecord) -> float | None:
    values = [value for value in item.components.values() if value is not None]
    return sum(values) / len(values) if values else None


def _natural(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if text.isdigit() else (1, 0, text)


def _trivial(task: LoadedTask, requests: Sequence[Request]) -> BaselineRecord:
    """The task's trivial baseline on the same documents: a score means little without it."""
    metadata = task.spec.metadata
    model = BaselineModel(metadata.trivial_baseline, {task.name: task.pool})
    requests = [request for request in requests if request.sample == 0]
    replies = [model.reply(task.name, request.document) for request in requests]
    _prepare(task, replies, requests)
    scored = [_safely(task, request.document, reply) for request, reply in zip(requests, replies, strict=True)]
    results = [result["score"] for result in scored if isinstance(result, dict)]
    value = task.aggregate("score")(task.counted(results)) if results else math.nan
    if math.isnan(value):
        reason = _lacking(task, results) if results else "no item was scored"
        return BaselineRecord(name=model.name, score=Measure(value=None, n=len(results), reason=reason))
    return BaselineRecord(name=model.name, score=Measure(value=value, n=len(results)))


def average(tasks: Sequence[TaskRecord]) -> Measure:
    """The unweighted mean of the columns (the benchmark's average); null when a column is missing."""
    found = summary.average({task.name: task.score.value for task in tasks}, [task.name for task in tasks])
    return Measure(value=found.value, n=len(tasks), reason=found.reason)
