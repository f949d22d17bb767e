"""A run record in the schema of Every Eval Ever 0.3.0 (https://github.com/evaleval/every_eval_ever).

The schema asks for the text of every input and output; these are hashes here, because no text of a document may be
handed on.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clueplus.exchange.lm_eval_export import check_exportable, measures
from clueplus.exchange.names import public_name
from clueplus.files import canonical_json, sha256, slug
from clueplus.records.run import ItemRecord, Measure, ModelRecord, RunRecord, TaskRecord
from clueplus.registry import TaskSpec

SCHEMA_VERSION = "0.3.0"
COLLECTION = "clueplus"
UNKNOWN_DEVELOPER = "local"
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Export:
    """The aggregate record, its rows (one an item and measure), and `path`, where the aggregate lies in a datastore."""

    path: str
    aggregate: dict[str, Any]
    rows: list[dict[str, Any]]

    def files(self) -> dict[str, str]:
        """The content of each file by its place, the aggregate last; without rows, it alone."""
        files = {}
        aggregate = self.aggregate
        if self.rows:
            path = self.path.removesuffix(".json") + "_samples.jsonl"
            files[path] = "".join(_line(row) + "\n" for row in self.rows)
            detailed = {
                "format": "jsonl",
                "file_path": path,
                "hash_algorithm": "sha256",
                "checksum": sha256(files[path]),
                "total_rows": len(self.rows),
            }
            aggregate = {**aggregate, "detailed_evaluation_results": detailed}
        files[self.path] = json.dumps(aggregate, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        return files


def to_every_eval_ever(record: RunRecord, items: Sequence[ItemRecord], specs: Mapping[str, TaskSpec]) -> Export:
    """The record in that schema; no text, path, host or command of this machine is in it.

    Args:
        record: a complete run.
        items: its items; a run without any gets no rows.
        specs: the tasks that are known here, for the address of their data.

    Raises:
        ClueplusError: the run is incomplete, so it is no result, or scored for parity only.
    """
    check_exportable(record)
    model = _model_id(record.model)
    seconds = str(int(record.created.timestamp()))
    # The same run makes the same files: the identifier is of the content, in the form of a random one.
    digest = sha256(canonical_json([record.model_dump(mode="json"), len(items)]))
    name = str(uuid.UUID(bytes=bytes.fromhex(digest)[:16], version=4))
    evaluation = f"{COLLECTION}/{model}/{seconds}"
    results = [result for task in record.tasks for result in _results(task, specs.get(task.name))]
    developer, _, rest = model.partition("/")
    aggregate = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": evaluation,
        "evaluation_timestamp": record.created.isoformat(),
        "retrieved_timestamp": seconds,
        "source_metadata": {
            "source_name": "clueplus",
            "source_type": "evaluation_run" if items else "documentation",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
            "additional_details": _source_details(record),
        },
        "eval_library": {
            "name": "lm_eval" if record.imported else "clueplus",
            "version": (record.imported.version or "unknown") if record.imported else record.clueplus,
            "additional_details": dict(record.environment),
        },
        "model_info": _model_info(record.model, model),
        "evaluation_results": results,
    }
    rows = [row for item in items for row in _rows(item, evaluation, model)]
    return Export(f"data/{COLLECTION}/{developer}/{rest.replace('/', '_')}/{name}.json", aggregate, rows)


def _model_id(model: ModelRecord) -> str:
    """A hub id as it is, the weights' where the model's file names them; other names go under "local"."""
    told = (model.spec or {}).get("weights") or model.name
    developer, slash, name = public_name(str(told)).partition("/")
    if model.kind == "baseline":
        return f"{COLLECTION}/{slug(model.name)}"
    return f"{slug(developer)}/{slug(name)}" if slash else f"{UNKNOWN_DEVELOPER}/{slug(developer)}"


def _model_info(model: ModelRecord, name: str) -> dict[str, Any]:
    own = model.kind in ("baseline", "transformers") or any(_is_this_machine(host) for host in model.hosts)
    found: dict[str, Any] = {
        "name": public_name(model.name),
        "id": name,
        "additional_details": {
            "deployment_type": "self_deployed" if own else "unknown",
            "model_availability": "open_weights" if (model.spec or {}).get("weights") else "unknown",
            "kind": model.kind,
            "api": model.api,
        },
    }
    if model.engine:
        engine, _, version = model.engine.partition(" ")
        found["inference_engine"] = {"name": engine, **({"version": version} if version else {})}
    return found


def _is_this_machine(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _source_details(record: RunRecord) -> dict[str, str]:
    """What the schema has no field for, as the strings that it takes; numbers that are missing come with a reason."""
    details = {
        "run": record.run,
        "variant": record.variant,
        "texts": "withheld: input.raw and output.raw of the rows are hashes",
    }
    if record.average.value is not None:
        details["average"] = repr(record.average.value)
    for task in record.tasks:
        details |= {f"not computed: {task.name}.{name}": measure.reason or "no reason is known"
                    for name, measure in measures(task).items() if measure.value is None}  # fmt: skip
        if task.no_items:
            details[f"no rows: {task.name}"] = task.no_items
    return details


def _results(task: TaskRecord, spec: TaskSpec | None) -> Iterator[dict[str, Any]]:
    answers = sum(task.outcomes.values()) - task.outcomes["infrastructure_error"]
    share = task.outcomes["unscorable"] / answers if answers else None
    for name, measure in {**measures(task), "unscorable": Measure(value=share, n=answers)}.items():
        if measure.value is None:  # the schema has no null; the reason stands in source_metadata
            continue
        yield {
            "evaluation_result_id": f"{task.name}.{name}",
            "evaluation_name": task.name,
            "source_data": _source_data(task, spec),
            "metric_config": {
                "metric_id": f"{COLLECTION}.{name}",
                "metric_name": name,
                "metric_unit": "proportion",
                "lower_is_better": name == "unscorable",
                "score_type": "continuous",
                "min_score": 0.0,
                "max_score": 1.0,
                "additional_details": {"scoring": task.scoring, "task_version": str(task.version), **_baseline(task)},
            },
            "score_details": {"score": measure.value, "uncertainty": _uncertainty(measure)},
            "generation_config": _generation(task),
        }


def _baseline(task: TaskRecord) -> dict[str, str]:
    value = task.trivial_baseline.score.value
    return {} if value is None else {task.trivial_baseline.name: repr(value)}


def _uncertainty(measure: Measure) -> dict[str, Any]:
    found: dict[str, Any] = {"num_samples": measure.n}
    if measure.low is not None and measure.high is not None:
        interval = {"lower": measure.low, "upper": measure.high, "confidence_level": CONFIDENCE}
        found["confidence_interval"] = interval | ({"method": measure.interval} if measure.interval else {})
    return found


def _source_data(task: TaskRecord, spec: TaskSpec | None) -> dict[str, Any]:
    data = task.data
    details = {"variant": data.variant, "tier": data.tier, "licence": data.licence}
    details |= {f"sha256 of {split}": digest for split, digest in data.documents.items()}
    declared = spec.metadata.variants.get(data.variant) if spec else None
    urls = [source.url for source in declared.sources] if declared else []
    if urls:
        return {"dataset_name": task.title, "source_type": "url", "url": urls, "additional_details": details}
    return {"dataset_name": task.title, "source_type": "other", "additional_details": details}


def _generation(task: TaskRecord) -> dict[str, Any]:
    decoding = task.decoding
    known = {name: decoding.get(name) for name in ("temperature", "top_p", "max_tokens")}
    rest = {name: value for name, value in decoding.items() if name not in known} | {"shots": task.shots}
    return {
        "generation_args": {name: value for name, value in known.items() if value is not None},
        "additional_details": {name: json.dumps(value) for name, value in rest.items() if value is not None},
    }


def _rows(item: ItemRecord, evaluation: str, model: str) -> Iterator[dict[str, Any]]:
    """One row a measure that the item has; the column itself is a mean over items and has no rows."""
    if item.outcome == "infrastructure_error":
        return
    for name, value in {**item.components, **item.beside}.items():
        if value is None:
            continue
        yield {
            "schema_version": SCHEMA_VERSION,
            "evaluation_id": evaluation,
            "model_id": model,
            "evaluation_name": item.task,
            "evaluation_result_id": f"{item.task}.{name}",
            "sample_id": item.id if item.sample == 0 else f"{item.id}.{item.sample}",
            "sample_hash": item.document_hash,
            "interaction_type": "single_turn",
            "input": {"raw": f"sha256:{item.prompt_hash}", "reference": []},
            "output": {"raw": [f"sha256:{item.answer_hash}"] if item.answer_hash else []},
            "answer_attribution": [],
            "evaluation": {"score": value, "is_correct": value == 1.0},
            "token_usage": _tokens(item),
            "metadata": {"outcome": item.outcome, "cluster": item.cluster, **item.groups},
        }


def _tokens(item: ItemRecord) -> dict[str, int] | None:
    prompt, completion = item.prompt_tokens, item.completion_tokens
    if prompt is None or completion is None:
        return None
    return {"input_tokens": prompt, "output_tokens": completion, "total_tokens": prompt + completion}


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
