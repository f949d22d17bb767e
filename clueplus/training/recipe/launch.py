"""A training in this process, or in the processes that accelerate starts."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from clueplus.errors import ClueplusError
from clueplus.training.alignment.spec import AlignSpec
from clueplus.training.experts.spec import ExpertSpec
from clueplus.training.recipe.job import Job
from clueplus.training.trained import Progress, Reporter, Trained
from clueplus.training.worker import result_path


def train(spec: ExpertSpec | AlignSpec, base: Path, data: Path, job: Job) -> dict[str, Any]:
    """Trains, and returns what came of it: the fields of `Trained`.

    Raises:
        ClueplusError: the training failed; with a launch configuration, its processes say why on standard error.
    """
    if job.recipe.launch is None:
        return _here(spec, base, data, job.out, job.reporter)._asdict()
    config = job.recipe.beside(job.recipe.launch)
    if not config.is_file():
        raise ClueplusError(f"launch: no file {config}", fix="make it with: accelerate config --config_file FILE")
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "job.json"
        function = "train_expert" if isinstance(spec, ExpertSpec) else "align"
        places = {"base": str(base), "data": str(data), "out": str(job.out)}
        told.write_text(json.dumps({"function": function, "spec": spec.model_dump(mode="json"), **places}))
        code = _listen([*command(config), str(told)], job.reporter)
        if code or not result_path(told).is_file():
            raise ClueplusError(
                f"accelerate launch ended with {code}", fix="its processes say why above; then run again"
            )
        result: dict[str, Any] = json.loads(result_path(told).read_text(encoding="utf-8"))
    return result


def command(config: Path) -> list[str]:
    """What starts the processes; the job's file is its last argument."""
    return [
        *(sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)),
        *("-m", "clueplus.training.worker"),
    ]


def _listen(words: list[str], reporter: Reporter) -> int:
    """Runs a command that prints JSON lines, and passes them on; whatever ends this process ends it too."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                _pass_on(line, reporter)
            return process.wait()
        finally:
            if process.poll() is None:
                process.terminate()


def _pass_on(line: str, reporter: Reporter) -> None:
    try:
        told = json.loads(line)
        if "note" in told:
            reporter.note(str(told["note"]))
        elif "progress" in told:
            reporter.progress(Progress(**told["progress"]))
    except (ValueError, TypeError):
        return  # what accelerate itself prints is no JSON


def _here(spec: ExpertSpec | AlignSpec, base: Path, data: Path, out: Path, reporter: Reporter) -> Trained:
    if isinstance(spec, ExpertSpec):
        from clueplus.training.experts.train import train_expert

        return train_expert(spec, base, data, out, reporter)
    from clueplus.training.alignment.train import align

    return align(spec, base, data, out, reporter)
