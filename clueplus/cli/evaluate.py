"""`clueplus evaluate`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clueplus.cli.shared import (
    EngineArgs,
    Json,
    Mirror,
    TasksDirs,
    VariantOption,
    VllmCommand,
    complete_models,
    complete_tasks,
    print_json,
    split_names,
)

HELP = """Evaluate a model on CLUE+ tasks and record the run.

MODEL is baseline:majority, baseline:lead or baseline:nearest; or a name of `clueplus models list`, a hub id or a
checkpoint's folder, which vLLM then serves on this machine for the time of the run; or, with --base-url, the name under
which a server that runs already serves a model. Finished answers are stored at once: the same command continues a run
that was interrupted."""

EXAMPLES = """Examples:

clueplus evaluate --model baseline

clueplus evaluate --model baseline:majority --variant official --tasks medec

clueplus evaluate --model ./checkpoint --engine-args "--max-model-len 8192"

clueplus evaluate --model my-checkpoint --base-url http://127.0.0.1:8000/v1 --limit 100"""


class ApiOption(StrEnum):
    """The two APIs of an OpenAI-compatible server."""

    chat = "chat"
    completions = "completions"


def evaluate(
    model: Annotated[str, typer.Option("--model", "-m", help="What to evaluate.", autocompletion=complete_models)],
    tasks: Annotated[
        list[str],
        typer.Option(
            "--tasks", "-t", help="Tasks or groups, comma-separated; repeatable.", autocompletion=complete_tasks
        ),
    ] = ["clueplus_open"],  # noqa: B006 - typer reads the default, nothing changes it
    variant: Annotated[
        VariantOption | None,
        typer.Option("--variant", help="Which documents. Default: official; sample for baselines."),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", metavar="URL", help="The server's API, http://HOST:PORT/v1.")
    ] = None,
    api: Annotated[
        ApiOption | None, typer.Option("--api", help="Default: what the model's file says, else chat.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only the first N documents of each task.")
    ] = None,
    results_dir: Annotated[Path, typer.Option("--results-dir", metavar="DIR", help="Where runs are recorded.")] = Path(
        "results"
    ),
    mirror: Mirror = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Generate every answer anew, whatever is stored.")] = False,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=4096, help="Requests in flight.")] = 32,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds for one try of a request.")] = 600.0,
    attempts: Annotated[int, typer.Option("--attempts", min=1, max=20, help="Tries of a request before it fails.")] = 5,
    vllm_command: VllmCommand = "vllm",
    engine_args: EngineArgs = "",
    tasks_dir: TasksDirs = None,
    as_json: Json = False,
) -> None:
    """Parses, runs, prints; the help text is HELP."""
    from clueplus.cli.console import ConsoleReporter, show_run
    from clueplus.evaluation.options import Options
    from clueplus.evaluation.run import evaluate as run_evaluation

    options = Options(
        model=model,
        tasks=split_names(tasks),
        variant=variant.value if variant else None,
        base_url=base_url,
        api=api.value if api else None,
        limit=limit,
        results_dir=results_dir,
        mirror=mirror,
        fresh=fresh,
        tasks_dirs=tasks_dir or (),
        concurrency=concurrency,
        timeout=timeout,
        attempts=attempts,
        vllm_command=vllm_command,
        engine_args=engine_args,
        command=["clueplus", *sys.argv[1:]],
    )
    run = run_evaluation(options, ConsoleReporter())
    if as_json:
        print_json(run.record.model_dump(mode="json"))
    else:
        show_run(run)
