"""The results file of lm-eval, as far as a run record needs it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clueplus.errors import StoreError
from clueplus.exchange.lm_eval_export import FILTER, MORE
from clueplus.files import sha256
from clueplus.records.run import Outcome

_FIX = "give the results_*.json that lm_eval run --output_path wrote"


class _Lenient(BaseModel):
    """What is read of a foreign form; other keys are its own business."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class Counts(_Lenient):
    """How many documents a task has, and how many of them were asked."""

    original: int | None = None
    effective: int = Field(ge=1)


class TaskConfig(_Lenient):
    """How a task was run; `metadata` holds what the task's file and `--metadata` say."""

    generation_kwargs: dict[str, Any] = {}
    metadata: dict[str, Any] = {}


class MoreOfMeasure(_Lenient):
    """What lm-eval has no place for."""

    n: int
    reason: str | None = None


class MoreOfTask(_Lenient):
    """What our own exports add of a task."""

    outcomes: dict[Outcome, int]
    documents: dict[str, str] = {}
    measures: dict[str, MoreOfMeasure]


class More(_Lenient):
    """The key "clueplus" of our own exports."""

    tasks: dict[str, MoreOfTask]


class LmEvalResults(_Lenient):
    """lm-eval's results, with our names where its own are no Python names. `digest` is the sha256 of the file."""

    digest: str
    results: dict[str, dict[str, Any]] = Field(min_length=1)
    group_subtasks: dict[str, list[str]] = {}
    configs: dict[str, TaskConfig]
    versions: dict[str, Any]
    shots: dict[str, int] = Field(alias="n-shot")
    counts: dict[str, Counts] = Field(alias="n-samples")
    config: dict[str, Any] = {}
    date: float = Field(ge=0, lt=253402300800)  # the end of the year 9999
    lm_eval_version: str | None = None
    transformers_version: str | None = None
    task_hashes: dict[str, str] = {}
    model_source: str | None = None
    model_name: str | None = None
    chat_template: str | None = None
    more: More | None = Field(default=None, alias=MORE)

    def value(self, task: str, metric: str) -> float | None:
        """A metric's value in [0, 1]; None where lm-eval has none: the key is absent, null, NaN or "N/A".

        Raises:
            StoreError: it is a number outside [0, 1], or no number at all.
        """
        value = self.results[task].get(f"{metric},{FILTER}")
        if value is None or value == "N/A" or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise StoreError(f"{task}: '{metric}' is no number in [0, 1]", fix=_FIX)
        return float(value)


def read_results(path: Path) -> LmEvalResults:
    """The results in a file.

    Raises:
        StoreError: there is no such file, it is not JSON, or not lm-eval's; the message quotes nothing of it.
    """
    content = read_bytes(path)
    try:
        found = json.loads(content.decode("utf-8"))
    except json.JSONDecodeError as error:
        raise StoreError(f"{path}: not JSON at line {error.lineno}, column {error.colno}", fix=_FIX) from error
    except RecursionError as error:
        raise StoreError(f"{path}: not a results file of lm-eval: nested too deeply", fix=_FIX) from error
    except UnicodeDecodeError as error:
        raise StoreError(f"{path}: not UTF-8 at byte {error.start}", fix=_FIX) from error
    if not isinstance(found, dict):
        raise StoreError(f"{path}: not a results file of lm-eval", fix=_FIX)
    try:
        return LmEvalResults.model_validate({**found, "digest": sha256(content)})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise StoreError(f"{path}: not a results file of lm-eval: {where}: {fault['msg']}", fix=_FIX) from error


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        StoreError: it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}", fix=_FIX) from error
