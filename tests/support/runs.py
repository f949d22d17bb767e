"""Runs made of numbers, for tests of whoever reads records: no model, no documents, no files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clueplus.files import sha256
from clueplus.metrics.components import component_means, mean_of_components
from clueplus.records.run import (
    BaselineRecord,
    DataRecord,
    GenerationRecord,
    ItemRecord,
    Measure,
    ModelRecord,
    Run,
    RunRecord,
    TaskRecord,
)

Values = Sequence[Mapping[str, float | None] | float | None]
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def make_items(task: str, values: Values, clusters: Sequence[str] | None = None, **fields: Any) -> list[ItemRecord]:
    """One item a value: its components, or the one component "accuracy"; None is an infrastructure error."""
    items = []
    for index, value in enumerate(values):
        failed: dict[str, Any] = {"outcome": "infrastructure_error", "reason": "timeout"} if value is None else {}
        components = value if isinstance(value, Mapping) else {"accuracy": value}
        items.append(
            ItemRecord(
                **{
                    "task": task,
                    "index": index,
                    "id": f"{task}-{index}",
                    "cluster": clusters[index] if clusters else f"cluster {index}",
                    "document_hash": sha256(f"{task} document {index}"),
                    "prompt_hash": sha256(f"{task} prompt {index}"),
                    "response_key": sha256(f"{task} response {index}"),
                    "outcome": "scored",
                    "components": {} if value is None else dict(components),
                    **failed,
                    **fields,
                }
            )
        )
    return items


def make_task(name: str, items: Sequence[ItemRecord], **fields: Any) -> TaskRecord:
    """The record of a task with these items; `tier` goes into its data."""
    scored = [item.components for item in items if item.outcome != "infrastructure_error"]
    names = list(dict.fromkeys(name for components in scored for name in components))
    complete = bool(names) and all(value is not None for value in component_means(scored).values())
    outcomes = Counter(item.outcome for item in items)
    tier = fields.pop("tier", "open")
    return TaskRecord(
        **{
            "name": name,
            "version": 1,
            "title": name.upper(),
            "data": DataRecord(
                variant="official",
                tier=tier,
                licence="CC0",
                sources={},
                documents={"test": sha256(f"{name} test"), "fewshot": sha256(f"{name} fewshot")},
            ),
            "scoring": "clueplus-1",
            "shots": 3,
            "decoding": {"max_tokens": 32, "temperature": 0.0, "stop": ["\n\nNote:"], "seed": 1234},
            "prompts": sha256("".join(item.prompt_hash for item in items)),
            "documents": len({item.index for item in items}),
            "samples": len({item.sample for item in items}),
            "limit": None,
            "outcomes": {o: outcomes.get(o, 0) for o in ("scored", "unscorable", "infrastructure_error")},
            "truncated": sum(item.truncated for item in items),
            "score": Measure(value=mean_of_components(scored) if complete else None, n=len(scored)),
            "components": {n: Measure(value=v, n=len(scored)) for n, v in component_means(scored).items()},
            "beside": {},
            "breakdowns": {},
            "trivial_baseline": BaselineRecord(name="baseline:majority", score=Measure(value=0.0, n=len(scored))),
            **fields,
        }
    )


def make_run(
    tasks: Mapping[str, Values | Sequence[ItemRecord]],
    *,
    name: str = "model",
    template: str | None = "a" * 64,
    task_fields: Mapping[str, Any] | None = None,
    model_fields: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Run:
    """A complete run: of each task its items or their values.

    Args:
        tasks: by name.
        name: of the model; the run's folder is called so.
        template: the hash of the chat template.
        task_fields: what every task's record says otherwise.
        model_fields: what the model's record says otherwise.
        fields: what the run's record says otherwise.
    """
    items = {
        task: list(values) if values and isinstance(values[0], ItemRecord) else make_items(task, values)  # type: ignore[arg-type]
        for task, values in tasks.items()
    }
    records = [make_task(task, own, **dict(task_fields or {})) for task, own in items.items()]
    served = {"kind": "endpoint", "model": name, "revision": None, "weights": sha256(name), "template": template}
    record = RunRecord(
        **{
            "run": "20260101T000000Z",
            "status": "complete",
            "created": CREATED,
            "command": ["clueplus", "evaluate", "--model", name],
            "clueplus": "0.1.0",
            "environment": {},
            "model": ModelRecord(
                **{
                    "name": name,
                    "kind": "endpoint",
                    "api": "chat",
                    "identity": dict.fromkeys(items, served),
                    "reasoning": ("<think>", "</think>"),
                    **dict(model_fields or {}),
                }
            ),
            "variant": "official",
            "scoring": records[0].scoring if records else "clueplus-1",
            "tasks": records,
            "average": Measure(value=None, n=len(records)),
            "generation": GenerationRecord(
                requests=0, reused=0, generated=0, seconds=0.0, concurrency=1, store="../responses.jsonl"
            ),
            **fields,
        }
    )
    return Run(Path("results") / name, record, [item for own in items.values() for item in own])
