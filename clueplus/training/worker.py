"""A training as a process of its own, for `accelerate launch -m clueplus.training.worker JOB.json` and torchrun.

JOB.json holds `function` (train_expert or align), `spec`, `base`, `data` (the folder of the corpus or of the rows) and
`out`. The first process prints a JSON line for every note and step; what came out goes to JOB.result.json.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from clueplus.errors import ClueplusError, DataError, one_line
from clueplus.files import write_atomic
from clueplus.training.alignment.spec import AlignSpec
from clueplus.training.experts.spec import ExpertSpec
from clueplus.training.trained import Progress, Trained

USAGE = "python -m clueplus.training.worker JOB.json"


class Job(BaseModel):
    """What a worker is to do; unknown keys are an error."""

    model_config = ConfigDict(extra="forbid")

    function: Literal["train_expert", "align"]
    spec: dict[str, Any]
    base: Path
    data: Path
    out: Path


def result_path(job: Path) -> Path:
    """Where the worker of a job leaves what came out: a Trained as a JSON object."""
    return job.with_suffix(".result.json")


def run_job(path: Path) -> Trained:
    """Does what a job file says.

    Raises:
        ClueplusError: the file is no job, or the training's own errors.
    """
    try:
        job = Job.model_validate_json(path.read_bytes())
        train = _function(job)
    except (OSError, ValidationError) as error:
        raise DataError(
            f"{path} is no job: {_told(error)}", fix=f"{USAGE}, with function, spec, base, data, out"
        ) from error
    first = os.environ.get("RANK", "0") == "0"
    trained = train()
    if first:
        write_atomic(result_path(path), json.dumps(trained._asdict(), indent=2) + "\n")
    return trained


def _function(job: Job) -> Callable[[], Trained]:
    if job.function == "train_expert":
        from clueplus.training.experts.train import train_expert

        expert = ExpertSpec.model_validate(job.spec)
        return lambda: train_expert(expert, job.base, job.data, job.out, Lines())
    from clueplus.training.alignment.train import align

    alignment = AlignSpec.model_validate(job.spec)
    return lambda: align(alignment, job.base, job.data, job.out, Lines())


def _told(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return type(error).__name__


class Lines:
    """Notes and progress as JSON lines, for whoever reads them in another process."""

    def note(self, text: str) -> None:
        """One line worth knowing."""
        _print({"note": text})

    def progress(self, state: Progress) -> None:
        """A step is done."""
        _print({"progress": state._asdict()})


def _print(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> NoReturn:
    """Runs a job and leaves the process: 0 done, 2 an error in one line."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.exit(f"usage: {USAGE}")
    try:
        run_job(Path(arguments[0]))
    except ClueplusError as error:
        sys.stderr.write(f"error: {one_line(str(error))}\n")
        sys.exit(error.exit_code)
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
