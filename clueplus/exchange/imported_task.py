"""One task of lm-eval's results as a task record: which documents, how they were asked, which scores."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clueplus.errors import StoreError
from clueplus.exchange.lm_eval_export import SCORING
from clueplus.exchange.lm_eval_file import LmEvalResults
from clueplus.exchange.lm_eval_samples import SamplesFile, items_of
from clueplus.files import sha256
from clueplus.metrics.components import mean_of_components
from clueplus.records.run import BaselineRecord, DataRecord, ItemRecord, Measure, Outcome, TaskRecord
from clueplus.registry import TaskSpec, VariantName
from clueplus.statistics.intervals import mean_of_means_interval

NO_ITEMS = "imported without its samples"
_CLOSE = 1e-9


class LeftOutError(Exception):
    """Why a task can't be part of the record; the others can."""


@dataclass(frozen=True)
class ImportedTask:
    """A task's record, its items (none where there were no samples), and the sha256 of the samples file."""

    record: TaskRecord
    items: list[ItemRecord]
    samples: str | None


def imported_task(
    results: LmEvalResults, spec: TaskSpec, identity: Mapping[str, str], api: str, file: SamplesFile | None
) -> ImportedTask:
    """One task of the results.

    Args:
        results: with that task.
        spec: the task here.
        identity: of the model.
        api: through which it was asked.
        file: the task's samples; None when there are only scores.

    Raises:
        LeftOutError: the results are of another version of the task, or of documents that nobody here knows.
        StoreError: the samples are not those of the documents or of the scores.
    """
    name, metadata = spec.name, spec.metadata
    counts, told = results.counts.get(name), results.versions.get(name)
    if counts is None or name not in results.configs or name not in results.shots:
        raise LeftOutError("the file lacks its counts, configuration or shots")
    if told != metadata.version:
        raise LeftOutError(f"version {str(told)[:20]} there, {metadata.version} here")
    variant = _variant(results, spec)
    decoding = _decoding(results.configs[name].generation_kwargs)
    tier = metadata.variants[variant].tier
    items = items_of(file, spec, tier, identity, api, decoding) if file else []
    if file and len(items) != counts.effective:
        raise StoreError(f"{file.path}: {len(items)} samples of {name}, and the results count {counts.effective}")
    outcomes = _outcomes(results, name, items)
    numbers = _Numbers(results, spec, items, sum(outcomes.values()))
    record = TaskRecord(
        name=name,
        version=metadata.version,
        title=metadata.title,
        data=_data(results, spec, variant, file),
        scoring=SCORING,
        shots=results.shots[name],
        decoding=decoding,
        prompts=sha256("".join(item.prompt_hash for item in items)) if items else None,
        documents=counts.effective,
        limit=_limit(results, name),
        outcomes=outcomes,
        truncated=None,
        score=numbers.score(),
        components={metric: numbers.component(metric) for metric in metadata.components},
        beside={metric: numbers.beside(metric) for metric in metadata.beside},
        breakdowns={},
        trivial_baseline=_no_baseline(spec),
        no_items=None if items else NO_ITEMS,
    )
    return ImportedTask(record, items, file.digest if file else None)


class _Numbers:
    """The measures of a task: lm-eval's values, with intervals where there are items, which must agree with them."""

    def __init__(self, results: LmEvalResults, spec: TaskSpec, items: Sequence[ItemRecord], answers: int) -> None:
        self._results, self._name, self._names = results, spec.name, spec.metadata.components
        self._items, self._answers = items, answers

    def score(self) -> Measure:
        """The column."""
        rows = [[_nan(item.components[name]) for name in self._names] for item in self._items]
        return self._measure("score", rows, mean_of_components(item.components for item in self._items))

    def component(self, name: str) -> Measure:
        """One component, over the items that have it."""
        return self._mean(name, [(item.components[name], item) for item in self._items])

    def beside(self, name: str) -> Measure:
        """What is reported beside the column."""
        return self._mean(name, [(item.beside.get(name), item) for item in self._items])

    def _mean(self, name: str, pairs: list[tuple[float | None, ItemRecord]]) -> Measure:
        having = [(value, item) for value, item in pairs if value is not None]
        mean = math.fsum(value for value, _ in having) / len(having) if having else math.nan
        return self._measure(name, [[value] for value, _ in having], mean, [item for _, item in having])

    def _measure(
        self, name: str, rows: list[list[float]], mean: float, items: Sequence[ItemRecord] | None = None
    ) -> Measure:
        value = self._results.value(self._name, name)
        if not self._items:
            return self._without_items(name, value)
        if _nan(value) != mean and not abs(_nan(value) - mean) <= _CLOSE and not (value is None and math.isnan(mean)):
            raise StoreError(
                f"{self._name}: '{name}' of the results is not the mean of the samples",
                fix="give the results and the samples of one run, unchanged",
            )
        if value is None:
            return Measure(value=None, n=len(rows), reason=self._why(name))
        own = self._items if items is None else items
        found = mean_of_means_interval(np.array(rows), [item.cluster for item in own])
        return Measure(
            value=value, n=len(rows), low=found.low, high=found.high, interval=found.method, reason=found.reason
        )

    def _without_items(self, name: str, value: float | None) -> Measure:
        task = self._results.more.tasks.get(self._name) if self._results.more else None
        told = task.measures.get(name) if task else None
        if value is None:
            reason = told.reason if told else None
            return Measure(value=None, n=told.n if told else 0, reason=reason or self._why(name))
        if told:
            return Measure(value=value, n=told.n, reason=f"no interval: {NO_ITEMS}")
        return Measure(value=value, n=self._answers, reason=f"no interval, n is the task's: {NO_ITEMS}")

    def _why(self, name: str) -> str:
        lacking = [each for each in self._names if self._results.value(self._name, each) is None]
        if name == "score" and lacking:
            return f"lm-eval has none: no value of {', '.join(lacking)}"
        return "lm-eval has none"


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def _variant(results: LmEvalResults, spec: TaskSpec) -> VariantName:
    """Which documents were used: what the run says, or those of which there are as many.

    lm-eval writes the variant only when it was given with `--metadata`, but always how many documents there are.
    """
    known = spec.metadata.variants
    original = results.counts[spec.name].original
    sizes = {variant: digests["documents"] for variant, digests in _described(spec)}
    claimed = results.configs[spec.name].metadata.get("variant")
    if claimed is not None:
        for variant in known:
            if variant == claimed:
                if original is not None and sizes.get(variant, original) != original:
                    raise LeftOutError(f"{original} documents there, the variant {variant} has {sizes[variant]}")
                return variant
        raise LeftOutError(f"no variant '{str(claimed)[:20]}' here")
    fitting = [variant for variant in known if sizes.get(variant) == original]
    # Of documents that a user imports no size is known; what is of no known size can only be those.
    fitting = fitting or [variant for variant in known if variant not in sizes]
    if len(fitting) != 1:
        raise LeftOutError(f"{original} documents are those of no variant, or of several")
    return fitting[0]


def _described(spec: TaskSpec) -> Iterator[tuple[str, Any]]:
    """Number and sha256 of the test documents of each variant that the task describes, and of its few-shot pool."""
    try:
        stats = json.loads((spec.folder / "stats.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    for variant, splits in stats.items():
        yield (
            variant,
            {"documents": splits["test"]["documents"], "sha256": {name: s["sha256"] for name, s in splits.items()}},
        )


def _data(results: LmEvalResults, spec: TaskSpec, variant: VariantName, file: SamplesFile | None) -> DataRecord:
    """Which documents; their digests where the samples show them, or where an export of ours tells them."""
    declared = spec.metadata.variants[variant]
    more = results.more.tasks.get(spec.name) if results.more else None
    documents: dict[str, str] = more.documents if more else {}
    if file:
        documents = dict(_described(spec)).get(variant, {}).get("sha256", {})
        counts = results.counts[spec.name]
        if counts.effective == counts.original:
            digest = file.documents_digest()
            if digest != documents.get("test", digest):
                raise StoreError(
                    f"{file.path}: its documents are not those of {spec.name} {variant}: sha256 {digest[:12]}",
                    fix="fetch the data that the task pins: clueplus data fetch; and run lm-eval again",
                )
            documents = {**documents, "test": digest}
    return DataRecord(variant=variant, tier=declared.tier, licence=declared.licence, sources={}, documents=documents)


def _decoding(given: Mapping[str, Any]) -> dict[str, Any]:
    """How answers were generated, in our names; what lm-eval left to the server is not known, so null."""
    return {
        "max_tokens": given.get("max_gen_toks"),
        "temperature": given.get("temperature"),
        "top_p": given.get("top_p"),
        "repetition_penalty": given.get("repetition_penalty"),
        "stop": given.get("until", []),
        "seed": given.get("seed"),
    }


def _limit(results: LmEvalResults, name: str) -> int | None:
    counts = results.counts[name]
    if counts.original is None:
        limit = results.config.get("limit")
        return int(limit) if isinstance(limit, int | float) else None
    return counts.effective if counts.effective < counts.original else None


def _outcomes(results: LmEvalResults, name: str, items: Sequence[ItemRecord]) -> dict[Outcome, int]:
    more = results.more.tasks.get(name) if results.more else None
    if more and not items:
        return more.outcomes
    answers = results.counts[name].effective
    share = results.value(name, "unscorable")
    if share is None:
        raise LeftOutError("the file lacks 'unscorable'")
    unscorable = sum(item.outcome == "unscorable" for item in items) if items else round(share * answers)
    return {"scored": answers - unscorable, "unscorable": unscorable, "infrastructure_error": 0}


def _no_baseline(spec: TaskSpec) -> BaselineRecord:
    measure = Measure(value=None, n=0, reason="not computed: the record is imported")
    return BaselineRecord(name=f"baseline:{spec.metadata.trivial_baseline}", score=measure)
