"""The record of a run: what `run.json` and `items.jsonl` hold. No document text, so it may be committed."""

from __future__ import annotations

import gc
import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from clueplus.errors import StoreError
from clueplus.files import write_atomic
from clueplus.registry import Tier, VariantName

SCHEMA_VERSION: Literal[1] = 1
# Above this share of infrastructure errors in one task, the run is not a result.
MAX_INFRASTRUCTURE_SHARE = 0.01

Outcome = Literal["scored", "unscorable", "infrastructure_error"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Measure(_Strict):
    """A number in [0, 1] and how many items it rests on; null comes with its reason."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    interval: str | None = None
    reason: str | None = None


# There may be a hundred thousand: as models they would take three times the memory.
@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class ItemRecord:
    """One answer to one item of one task. `id` and `cluster` are hashes for restricted data.

    `cut` counts the characters taken out of the document so that the prompt fits. `answer_hash` tells whether two runs
    gave the same text.
    """

    task: str
    index: int
    sample: int = 0
    id: str
    cluster: str
    document_hash: str
    prompt_hash: str
    response_key: str
    outcome: Outcome
    truncated: bool = False
    cut: int = 0
    reason: str | None = None
    answer_hash: str | None = None
    components: dict[str, float | None] = Field(default_factory=dict)
    beside: dict[str, float] = Field(default_factory=dict)
    groups: dict[str, str] = Field(default_factory=dict)
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class DataRecord(_Strict):
    """Which documents were used: hashes of the source files and of the documents made from them."""

    variant: VariantName
    tier: Tier
    licence: str
    sources: dict[str, str]
    documents: dict[str, str]


class BaselineRecord(_Strict):
    """The trivial baseline's score on the same items."""

    name: str
    score: Measure


class TaskRecord(_Strict):
    """One task of a run. `documents` are items, `outcomes` count answers: `samples` of each."""

    name: str
    version: int
    title: str
    data: DataRecord
    scoring: str
    metric_models: dict[str, str] = {}
    shots: int
    decoding: dict[str, Any]
    prompts: str
    documents: int
    samples: int = 1
    limit: int | None
    outcomes: dict[Outcome, int]
    truncated: int
    cut_prompts: int = 0
    score: Measure
    components: dict[str, Measure]
    beside: dict[str, Measure]
    breakdowns: dict[str, dict[str, Measure]]
    trivial_baseline: BaselineRecord
    failures: dict[str, int] = {}


class ModelRecord(_Strict):
    """Which model answered, through which API, on which hosts. `reasoning` are the marks of what is no answer."""

    name: str
    kind: Literal["baseline", "endpoint", "transformers"]
    api: str
    identity: dict[str, dict[str, Any]]
    hosts: list[str] = []
    engine: str | None = None
    context: int | None = None
    stop: list[str] = []
    reasoning: tuple[str, str]
    spec: dict[str, Any] | None = None


class GenerationRecord(_Strict):
    """How the answers came about.

    `store` is relative to the run's folder, `restricted_store` to the data folder. `retired` are endpoints that were
    lost on the way. `data_use` is the attestation under which restricted text went to other hosts.
    """

    requests: int
    reused: int
    generated: int
    seconds: float
    concurrency: int
    store: str
    restricted_store: str | None = None
    retired: list[str] = []
    data_use: dict[str, Any] | None = None


class RunRecord(_Strict):
    """One run. `status` is "incomplete" when infrastructure errors were too many for it to count as a result."""

    schema_version: Literal[1] = SCHEMA_VERSION
    run: str
    status: Literal["complete", "incomplete"]
    reason: str | None = None
    unit: Literal["fraction"] = "fraction"
    created: datetime
    command: list[str]
    clueplus: str
    environment: dict[str, str]
    model: ModelRecord
    variant: VariantName
    tasks: list[TaskRecord]
    average: Measure
    generation: GenerationRecord


class Run(NamedTuple):
    """A finished run: its folder and what was written there."""

    folder: Path
    record: RunRecord
    items: list[ItemRecord]


_ITEM = TypeAdapter(ItemRecord)
_ITEMS = TypeAdapter(list[ItemRecord])

RECORD_NAME = "run.json"
ITEMS_NAME = "items.jsonl"


def write_run(folder: Path, record: RunRecord, items: list[ItemRecord]) -> Path:
    """Writes both files of a run; `run.json` comes last, so a folder with it is complete.

    Raises:
        StoreError: the folder can't be written.
    """
    write_atomic(folder / ITEMS_NAME, b"".join(_ITEM.dump_json(item, exclude_defaults=True) + b"\n" for item in items))
    path = folder / RECORD_NAME
    write_atomic(path, json.dumps(record.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def read_run(run: Path) -> Run:
    """The run in a folder, named by the folder or its `run.json`.

    Raises:
        StoreError: there is no such run, a file is not of the schema (the first fault is named), or the items are not
            those that the record counts.
    """
    folder = run.parent if run.name == RECORD_NAME else run
    path = folder / RECORD_NAME
    try:
        record = RunRecord.model_validate_json(path.read_bytes())
        path = folder / ITEMS_NAME
        items = _read_items(path)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}", fix="give a run's folder or its run.json") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise StoreError(f"{path}: not a run record of schema {SCHEMA_VERSION}: {where}: {fault['msg']}") from error
    _check_complete(path, record, items)
    return Run(folder, record, items)


def _read_items(path: Path) -> list[ItemRecord]:
    """All lines at once, as one JSON array: half the time of one validation a line.

    A line break inside a text stays one, so that it is refused as it would be in its own line. The collector is off
    meanwhile: it would look through everything that was read again and again, and nothing of it is garbage.
    """
    lines = path.read_bytes().rstrip(b"\n").replace(b"\n", b"\n,")
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _ITEMS.validate_json(b"[" + lines + b"]")
    finally:
        if collecting:
            gc.enable()


def _check_complete(path: Path, record: RunRecord, items: list[ItemRecord]) -> None:
    """A file that lost its last lines is valid line by line; only the record knows how many there were."""
    found = Counter((item.task, item.outcome) for item in items)
    told = Counter({(task.name, outcome): n for task in record.tasks for outcome, n in task.outcomes.items() if n})
    for task, outcome in sorted(found | told):
        if found[task, outcome] != told[task, outcome]:
            raise StoreError(
                f"{path}: {found[task, outcome]} items of {task} are {outcome}, and run.json counts"
                f" {told[task, outcome]}",
                fix="restore both files, or evaluate again: answers that are stored are not asked for twice",
            )
    if len({(item.task, item.index, item.sample) for item in items}) < len(items):
        raise StoreError(f"{path}: an item stands there twice", fix="restore the file, or evaluate again")
