"""A run record as the results file of lm-eval 0.4.13."""

from __future__ import annotations

import re
from typing import Any

from clueplus.errors import ClueplusError
from clueplus.exchange.names import public_name
from clueplus.records.run import Measure, RunRecord, TaskRecord
from clueplus.registry import Scoring

# lm-eval writes this where it computed no standard error, and its table shows it as it is. It writes NaN, which is no
# JSON, for an aggregation without a value.
NOT_AVAILABLE = "N/A"
FILTER = "none"
# The scoring of a task's own `process_results`, which stock lm-eval runs too.
SCORING: Scoring = "clueplus-1"
# The top-level key for what lm-eval's form has no place for; its own tools read the keys they know.
MORE = "clueplus"


def to_lm_eval(record: RunRecord) -> dict[str, Any]:
    """The record in the form of lm-eval's results JSON; no path, host or command of this machine is in it.

    Raises:
        ClueplusError: the run is incomplete, so it is no result, or scored by another version than `SCORING`.
    """
    check_exportable(record)
    tasks = record.tasks
    name = public_name(record.model.name)
    return {
        "results": {task.name: _results(task) for task in tasks},
        "group_subtasks": {},
        "configs": {task.name: _config(task) for task in tasks},
        "versions": {task.name: task.version for task in tasks},
        "n-shot": {task.name: task.shots for task in tasks},
        "higher_is_better": {
            task.name: {metric: metric != "unscorable" for metric in measures(task)} | {"unscorable": False}
            for task in tasks
        },
        "n-samples": {
            task.name: {"original": None if task.limit else task.documents, "effective": task.documents}
            for task in tasks
        },
        "config": {"model": "clueplus", "model_args": {"model": name}, "batch_sizes": [], "limit": tasks[0].limit},
        "date": record.created.timestamp(),
        "lm_eval_version": record.environment.get("lm-eval"),
        "transformers_version": record.environment.get("transformers", NOT_AVAILABLE),
        "task_hashes": {},
        "model_source": "clueplus",
        "model_name": name,
        "model_name_sanitized": re.sub(r"[\"<>:/|\\?*\[\]]+", "__", name),
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": record.model.api == "chat",
        "chat_template": "" if record.model.api == "chat" else None,
        "chat_template_sha": None,
        "total_evaluation_time_seconds": str(record.generation.seconds) if record.generation else None,
        MORE: _more(record),
    }


def check_exportable(record: RunRecord) -> None:
    """Raises when a record is no result, or is scored for parity with published numbers: other forms can't say so."""
    if record.status == "incomplete":
        raise ClueplusError(
            f"the run is incomplete, so it is no result to hand on: {record.reason}",
            fix="mend the cause and run its command again",
        )
    if record.scoring != SCORING:
        raise ClueplusError(
            f"the run is scored by {record.scoring}, whose numbers would pass for those of {SCORING}",
            fix=f"export the record that {SCORING} scored",
        )


def measures(task: TaskRecord) -> dict[str, Measure]:
    """Every number of a task by lm-eval's metric name: the column, its components, what is reported beside them."""
    return {"score": task.score, **task.components, **task.beside}


def _results(task: TaskRecord) -> dict[str, Any]:
    answers = sum(task.outcomes.values()) - task.outcomes["infrastructure_error"]
    found: dict[str, Any] = {"name": task.name, "alias": task.name, "sample_len": answers}
    values = {name: measure.value for name, measure in measures(task).items()}
    values["unscorable"] = task.outcomes["unscorable"] / answers if answers else None
    for name, value in values.items():
        found[f"{name},{FILTER}"] = NOT_AVAILABLE if value is None else value
        found[f"{name}_stderr,{FILTER}"] = NOT_AVAILABLE
    return found


def _config(task: TaskRecord) -> dict[str, Any]:
    decoding = dict(task.decoding)
    known = {"max_gen_toks": decoding.pop("max_tokens", None), "until": decoding.pop("stop", None)}
    return {
        "task": task.name,
        "output_type": "generate_until",
        "num_fewshot": task.shots,
        "repeats": task.samples,
        "generation_kwargs": {name: value for name, value in (known | decoding).items() if value is not None},
        "metadata": {"version": task.version, "variant": task.data.variant},
    }


def _more(record: RunRecord) -> dict[str, Any]:
    return {
        "version": record.clueplus,
        "tasks": {
            task.name: {
                "outcomes": task.outcomes,
                "documents": task.data.documents,
                "measures": {
                    name: {"n": measure.n, "reason": None if measure.value is not None else measure.reason}
                    for name, measure in measures(task).items()
                },
            }
            for task in record.tasks
        },
    }
