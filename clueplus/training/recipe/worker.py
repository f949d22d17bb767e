"""One process of a training that accelerate launched: `python -m clueplus.training.recipe.worker JOB.json`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from clueplus.errors import ClueplusError
from clueplus.files import write_atomic
from clueplus.training.alignment.spec import AlignSpec
from clueplus.training.experts.spec import ExpertSpec
from clueplus.training.recipe.launch import call
from clueplus.training.trained import Progress


class _Lines:
    """Progress on standard error, of the first process alone."""

    def __init__(self, *, speaks: bool) -> None:
        self._speaks = speaks

    def note(self, text: str) -> None:
        """One line."""
        if self._speaks:
            sys.stderr.write(f"{text}\n")

    def progress(self, state: Progress) -> None:
        """One line for every tenth step."""
        if state.step % 10 == 0:
            loss = "" if state.loss is None else f", loss {state.loss:.4f}"
            self.note(f"step {state.step} of {state.steps}{loss}")


def main(file: str) -> int:
    """Runs the job; returns the exit code."""
    job = json.loads(Path(file).read_text(encoding="utf-8"))
    first = os.environ.get("RANK", "0") == "0"
    model = ExpertSpec if job["kind"] == "expert" else AlignSpec
    base, data, out = (Path(job[name]) for name in ("base", "data", "out"))
    try:
        trained = call(model.model_validate(job["spec"]), base, data, out, _Lines(speaks=first))
    except ClueplusError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    if first:
        write_atomic(Path(job["answer"]), json.dumps(trained._asdict()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
