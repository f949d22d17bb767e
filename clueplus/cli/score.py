"""`clueplus score`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clueplus.cli.shared import Json, Mirror, ScoringOption, TasksDirs, complete_tasks, print_json, split_names

HELP = """Score the stored answers of a run anew, without generating.

RUN is a run's folder or its run.json; the record is written again in its place. With another --scoring than the run's
own, the run stays as it is, and a run of its own is written beside it: RUN-clue-2024/run.json."""

EXAMPLES = """Examples:

clueplus score results/baseline-nearest/20260101T120000Z

clueplus score results/my-checkpoint/20260101T120000Z --scoring clue-2024 --tasks mednli,medisumcode"""


def score(
    run: Annotated[Path, typer.Argument(help="A run's folder or its run.json.")],
    scoring: Annotated[
        ScoringOption | None,
        typer.Option(
            "--scoring",
            help="Default: the run's own. clueplus-1 is ranked; clue-2024 is CLUE's arithmetic, for parity only.",
        ),
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            "--tasks",
            "-t",
            help="With another --scoring: only these tasks of the run, comma-separated; repeatable.",
            autocompletion=complete_tasks,
        ),
    ] = None,
    mirror: Mirror = None,
    tasks_dir: TasksDirs = None,
    as_json: Json = False,
) -> None:
    """Parses, scores, prints; the help text is HELP."""
    from clueplus.cli.console import show_run
    from clueplus.evaluation.rescore import score as score_run

    result = score_run(
        run,
        scoring=scoring.value if scoring else None,
        only=split_names(tasks or []),
        mirror=mirror,
        tasks_dirs=tasks_dir or (),
    )
    if as_json:
        print_json(result.record.model_dump(mode="json"))
    else:
        show_run(result)
