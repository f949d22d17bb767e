"""The record of a run: what `run.json` and `items.jsonl` hold. No document text, so it may be committed."""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from clueplus.errors import StoreError
from clueplus.files import write_atomic
from clueplus.records.lineage import Origin
from clueplus.records.rewriting import MadeBy
from clueplus.registry import Scoring, Tier, VariantName

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
    """Which documents were used: hashes of the source files and of the documents made from them.

    `made_by` is the model that made them, where one did.
    """

    variant: VariantName
    tier: Tier
    licence: str
    sources: dict[str, str]
    documents: dict[str, str]
    made_by: MadeBy | None = None


class BaselineRecord(_Strict):
    """The trivial baseline's score on the same items."""

    name: str
    score: Measure


class TaskRecord(_Strict):
    """One task of a run. `documents` are items, `outcomes` count answers: `samples` of each.

    `no_items` is the reason why `items.jsonl` has none of this task's items: then nothing here can be paired with
    another run. `prompts` and `truncated` are None where an imported record can't tell.
    """

    name: str
    version: int
    title: str
    data: DataRecord
    scoring: Scoring
    metric_models: dict[str, str] = {}
    shots: int
    decoding: dict[str, Any]
    prompts: str | None
    documents: int
    samples: int = 1
    limit: int | None
    outcomes: dict[Outcome, int]
    truncated: int | None
    cut_prompts: int = 0
    score: Measure
    components: dict[str, Measure]
    beside: dict[str, Measure]
    breakdowns: dict[str, dict[str, Measure]]
    trivial_baseline: BaselineRecord
    failures: dict[str, int] = {}
    no_items: str | None = None


class ModelRecord(_Strict):
    """Which model answered, through which API, on which hosts.

    `reasoning` are the marks of what is no answer; empty where nothing was taken out of the answers of an imported run.
    `origin` is what a checkpoint was made from, where it lay beside its weights and told of them.
    """

    name: str
    kind: Literal["baseline", "endpoint", "transformers", "imported"]
    api: str
    identity: dict[str, dict[str, Any]]
    hosts: list[str] = []
    engine: str | None = None
    context: int | None = None
    stop: list[str] = []
    reasoning: tuple[str, str]
    spec: dict[str, Any] | None = None
    origin: Origin | None = None


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


class ImportRecord(_Strict):
    """The files of another harness that a record was made from: `sha256` is of its results, `samples` of those by task.

    `left_out` are tasks of the file that the record lacks, with the reason.
    """

    source: Literal["lm-eval"]
    version: str | None
    sha256: str
    samples: dict[str, str] = {}
    left_out: dict[str, str] = {}


class RunRecord(_Strict):
    """One run. `status` is "incomplete" when infrastructure errors were too many for it to count as a result.

    `imported` is None for a run of our own. How the answers of an imported one came about is not known: it has no
    `generation`, and its `clueplus` is the version that imported it.

    `scoring` is the version of every task and so of the average: what is not "clueplus-1" is for parity with published
    numbers, and neither ranked nor compared with it.
    """

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
    scoring: Scoring = "clueplus-1"
    tasks: list[TaskRecord]
    average: Measure
    generation: GenerationRecord | None
    imported: ImportRecord | None = None

    @model_validator(mode="after")
    def _one_scoring(self) -> RunRecord:
        if any(task.scoring != self.scoring for task in self.tasks):
            raise ValueError(f"a task is not scored as {self.scoring}, which the run says of all")
        return self


class Run(NamedTuple):
    """A finished run: its folder and what was written there."""

    folder: Path
    record: RunRecord
    items: list[ItemRecord]


_ITEM = TypeAdapter(ItemRecord)

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
        with path.open("rb") as file, _no_collection():
            items = [_ITEM.validate_json(line) for line in file]
            _check_complete(path, record, items)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}", fix="give a run's folder or its run.json") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise StoreError(f"{path}: not a run record of schema {SCHEMA_VERSION}: {where}: {fault['msg']}") from error
    return Run(folder, record, items)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keeps the garbage collector from looking through ever more items while they are made: half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _check_complete(path: Path, record: RunRecord, items: list[ItemRecord]) -> None:
    """A file that lost its last lines is valid line by line; only the record knows how many there were."""
    found = Counter((item.task, item.outcome) for item in items)
    with_items = [task for task in record.tasks if task.no_items is None]
    told = Counter({(task.name, outcome): n for task in with_items for outcome, n in task.outcomes.items() if n})
    for task, outcome in sorted(found | told):
        if found[task, outcome] != told[task, outcome]:
            raise StoreError(
                f"{path}: {found[task, outcome]} items of {task} are {outcome}, and run.json counts"
                f" {told[task, outcome]}",
                fix="restore both files, or evaluate again: answers that are stored are not asked for twice",
            )
    if len({(item.task, item.index, item.sample) for item in items}) < len(items):
        raise StoreError(f"{path}: an item stands there twice", fix="restore the file, or evaluate again")
