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
from clueplus.training.trained import Reporter, Trained


def train(spec: ExpertSpec | AlignSpec, base: Path, data: Path, job: Job) -> dict[str, Any]:
    """Trains, and returns what came of it.

    Raises:
        ClueplusError: the training failed; with a launch configuration, its processes say why on standard error.
    """
    if job.recipe.launch is None:
        return call(spec, base, data, job.out, job.reporter)._asdict()
    config = job.recipe.beside(job.recipe.launch)
    if not config.is_file():
        raise ClueplusError(f"{job.recipe.path}: launch: no file {config}", fix="accelerate config --config_file FILE")
    with tempfile.TemporaryDirectory() as folder:
        told, answer = Path(folder) / "job.json", Path(folder) / "result.json"
        told.write_text(
            json.dumps(
                {
                    "kind": "expert" if isinstance(spec, ExpertSpec) else "align",
                    "spec": spec.model_dump(mode="json"),
                    **{name: str(path) for name, path in (("base", base), ("data", data), ("out", job.out))},
                    "answer": str(answer),
                }
            ),
            encoding="utf-8",
        )
        code = subprocess.run([*command(config), str(told)], check=False).returncode
        if code or not answer.is_file():
            raise ClueplusError(
                f"{job.name}: accelerate launch ended with {code}", fix="its processes say why above; then run again"
            )
        result: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return result


def command(config: Path) -> list[str]:
    """What starts the processes; the job's file is its last argument."""
    return [
        *(sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)),
        *("-m", "clueplus.training.recipe.worker"),
    ]


def call(spec: ExpertSpec | AlignSpec, base: Path, data: Path, out: Path, reporter: Reporter) -> Trained:
    """The training itself."""
    if isinstance(spec, ExpertSpec):
        from clueplus.training.experts.train import train_expert

        return train_expert(spec, base, data, out, reporter)
    from clueplus.training.alignment.train import align

    return align(spec, base, data, out, reporter)
