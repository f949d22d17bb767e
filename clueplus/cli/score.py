"""`clueplus score`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clueplus.cli.shared import Json, Mirror, TasksDirs, print_json

HELP = """Score the stored answers of a run anew, without generating.

RUN is a run's folder or its run.json; the record is written again in its place."""

EXAMPLES = """Example:

clueplus score results/baseline-nearest/20260101T120000Z"""


def score(
    run: Annotated[Path, typer.Argument(help="A run's folder or its run.json.")],
    mirror: Mirror = None,
    tasks_dir: TasksDirs = None,
    as_json: Json = False,
) -> None:
    """Parses, scores, prints; the help text is HELP."""
    from clueplus.cli.console import show_run
    from clueplus.evaluation.rescore import score as score_run

    result = score_run(run, mirror=mirror, tasks_dirs=tasks_dir or ())
    if as_json:
        print_json(result.record.model_dump(mode="json"))
    else:
        show_run(result)
