"""The functions behind the kinds of stages: each calls one public function of another room."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clueplus.errors import StoreError
from clueplus.files import canonical_json, sha256, write_atomic
from clueplus.training.recipe.blocks import (
    AlignStage,
    CorpusStage,
    EvaluateStage,
    ExpertStage,
    GateStage,
    Kind,
    MergeStage,
)
from clueplus.training.recipe.job import Function, Job
from clueplus.training.recipe.rehearse import TINY
from clueplus.training.recipe.work import RESULT_NAME

if TYPE_CHECKING:
    from clueplus.evaluation.generate import Generation
    from clueplus.records.run import Run
    from clueplus.training.corpora.surroundings import Surroundings
    from clueplus.training.recipe.job import Reporter

VERDICT_NAME = "verdict.json"


class Corpora:
    """Builds corpora; those of one run share what they are read against."""

    def __init__(self) -> None:
        self._surroundings: Surroundings | None = None

    def __call__(self, job: Job) -> dict[str, Any]:
        """Builds one."""
        from clueplus.data import Library
        from clueplus.registry import Catalog
        from clueplus.training.corpora.build import build_corpus
        from clueplus.training.corpora.surroundings import Surroundings

        if self._surroundings is None:
            self._surroundings = Surroundings(Catalog(), Library.here(), root=Path(), tokenizer=job.base)
        self._surroundings.note = job.reporter.note
        self._surroundings.progress = lambda what, done: job.reporter.counted(f"of {what}", done, 0)
        block = job.stage.block
        assert isinstance(block, CorpusStage)
        manifest = build_corpus(block.spec(), job.out, self._surroundings)
        return {
            "documents" if block.kind == "documents" else "rows": manifest.rows,
            "tokens": manifest.tokens,
            "sources": [
                {
                    "name": source.name,
                    "read": source.read,
                    "documents": source.kept,
                    "tokens": source.tokens,
                    "sha256": sha256(canonical_json(source.files)) if source.files else None,
                }
                for source in manifest.sources
            ],
            "dropped": manifest.dropped,
            "overlaps": [overlap.model_dump(mode="json") for overlap in manifest.overlaps],
            "unchecked": [f"{split.task} ({split.variant})" for split in manifest.unchecked],
        }


def expert(job: Job) -> dict[str, Any]:
    """Trains an expert."""
    from clueplus.training.recipe.launch import train

    block = job.stage.block
    assert isinstance(block, ExpertStage)
    return train(block.spec(), job.inputs[block.base], job.inputs[block.corpus], job)


def align(job: Job) -> dict[str, Any]:
    """Aligns a model."""
    from clueplus.training.recipe.launch import train

    block = job.stage.block
    assert isinstance(block, AlignStage)
    return train(block.spec(), job.inputs[block.base], job.inputs[block.rows], job)


def merge(job: Job) -> dict[str, Any]:
    """Merges models. What the merge writes about itself then calls them by the names of stages, not by places."""
    from clueplus.training.merging.config import config_from
    from clueplus.training.merging.plan import make_plan
    from clueplus.training.merging.run import EXCHANGE, REPORT
    from clueplus.training.merging.run import merge as merge_checkpoints

    block = job.stage.block
    assert isinstance(block, MergeStage)
    places = {name: str(folder) for name, folder in job.inputs.items()}
    plan = make_plan(config_from(block.spec(lambda name: places.get(name, name)), f"{job.recipe.path}: {job.name}"))
    for note in plan.notes:
        job.reporter.note(f"{job.name}: {note}")
    report = merge_checkpoints(plan, job.out, lambda done, total: job.reporter.counted("tensors", done, total))
    for file in (job.out / REPORT, job.out / EXCHANGE):
        text = file.read_text(encoding="utf-8")
        for name in sorted(places, key=lambda name: -len(places[name])):
            text = text.replace(places[name], name)
        write_atomic(file, text)
    return {
        "method": report.method,
        "weights": report.weights,
        "parameters": report.parameters,
        "seconds": report.seconds,
        "summary": report.summary.model_dump(mode="json"),
        "notes": report.notes,
    }


def evaluate(job: Job) -> dict[str, Any]:
    """Evaluates a model. Answers are stored as they come, so that a second call goes on where the first one ended."""
    from clueplus.evaluation.options import Options
    from clueplus.evaluation.run import evaluate as evaluate_model

    block = job.stage.block
    assert isinstance(block, EvaluateStage)
    run = evaluate_model(
        Options(
            model=str(job.inputs[block.model]),
            tasks=block.tasks,
            variant=block.variant,
            backend=block.backend,
            limit=block.limit,
            api=block.api,
            engine_args=block.engine_args,
            results_dir=job.out,
            command=_command(job),
        ),
        _Answers(job.reporter),
    )
    return {
        "run": run.folder.relative_to(job.out).as_posix(),
        "variant": run.record.variant,
        "average": run.record.average.value,
        "tasks": {task.name: task.score.value for task in run.record.tasks},
        "scores": sha256(canonical_json([task.model_dump(mode="json") for task in run.record.tasks])),
    }


def _command(job: Job) -> list[str]:
    rehearse = ["--rehearse"] if job.recipe.base == TINY else []
    return ["clueplus", "train", "run", job.recipe.name, *rehearse, "--only", job.name]


class _Answers:
    """An evaluation's progress, as that of a stage."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter, self._wanted = reporter, 0

    def note(self, text: str) -> None:
        """Passed on."""
        self._reporter.note(text)

    def waiting(self, seconds: float) -> None:
        """A server is starting."""
        self._reporter.counted("seconds of loading", int(seconds), 0)

    def start(self, wanted: int) -> None:
        """So many answers are wanted."""
        self._wanted = wanted

    def progress(self, state: Generation) -> None:
        """Passed on as a count."""
        done = state.reused + state.generated + len(state.failures)
        self._reporter.counted("answers", done, self._wanted)

    def finish(self) -> None:
        """Nothing to put away."""


def gate(job: Job) -> dict[str, Any]:
    """Judges the candidate's evaluation against the baseline's. A FAIL is a result."""
    from clueplus.gate.judge import judge, use_policy
    from clueplus.gate.policy import read_policy

    block = job.stage.block
    assert isinstance(block, GateStage)
    policy = read_policy(None if block.policy is None else job.recipe.beside(block.policy))
    sides = [_run(job.inputs[name]) for name in (block.baseline, block.candidate)]
    verdict = judge(sides[0], sides[1], policy, use_policy(policy, read_policy(None)))
    job.out.mkdir(parents=True, exist_ok=True)
    write_atomic(job.out / VERDICT_NAME, verdict.model_dump_json(indent=2) + "\n")
    return {
        "status": verdict.status,
        "exit_code": verdict.exit_code,
        "reasons": verdict.reasons,
        "difference": None if verdict.average is None else verdict.average.difference,
    }


def _run(folder: Path) -> Run:
    """The run of an evaluate stage.

    Raises:
        StoreError: its record is not there or is damaged.
    """
    from clueplus.records.run import read_run

    try:
        result = json.loads((folder / RESULT_NAME).read_text(encoding="utf-8"))
        return read_run(folder / result["run"])
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{folder} holds no evaluation", fix="remove it, and it is made again") from error


def stage_functions() -> Mapping[Kind, Function]:
    """The function of each kind of stage, for one run."""
    return {
        "corpus": Corpora(),
        "expert": expert,
        "merge": merge,
        "align": align,
        "evaluate": evaluate,
        "gate": gate,
    }
