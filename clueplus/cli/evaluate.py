"""`clueplus evaluate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clueplus.cli.answering import (
    Api,
    Attempts,
    Attest,
    Backend,
    BackendOption,
    BaseUrls,
    Concurrency,
    Fresh,
    ModelOption,
    Replicas,
    Timeout,
)
from clueplus.cli.shared import (
    EngineArgs,
    Json,
    Mirror,
    ScoringOption,
    TasksDirs,
    VariantOption,
    VllmCommand,
    complete_tasks,
    print_json,
    split_names,
)

HELP = """Evaluate a model on CLUE+ tasks and record the run.

MODEL is baseline:majority, baseline:lead or baseline:nearest; or a name of `clueplus models list`, a hub id or a
checkpoint's folder, which vLLM then serves on this machine for the time of the run; or, with --base-url, the name under
which servers that run already serve a model. Finished answers are stored at once: the same command continues a run
that was interrupted. Restricted documents go to this machine only, or to hosts that a data-use file names."""

EXAMPLES = """Examples:

clueplus evaluate --model baseline

clueplus evaluate --model baseline:majority --variant official --tasks medec

clueplus evaluate --model ./checkpoint --engine-args "--max-model-len 8192"

clueplus evaluate --model my-checkpoint --base-url http://127.0.0.1:8000/v1 --limit 100

clueplus evaluate --model ./checkpoint --replicas 4 --repeat 2

clueplus evaluate --model my-checkpoint --base-url http://127.0.0.1:8000/v1 --tasks mednli --scoring clue-2024"""


def evaluate(
    model: ModelOption,
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
    scoring: Annotated[
        ScoringOption,
        typer.Option("--scoring", help="clueplus-1 is ranked; clue-2024 is CLUE's arithmetic, for parity only."),
    ] = ScoringOption.ours,
    base_url: BaseUrls = None,
    backend: Backend = BackendOption.vllm,
    replicas: Replicas = 1,
    api: Api = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only the first N documents of each task.")
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", min=1, max=1000, help="Answers an item; needs --temperature.")
    ] = 1,
    temperature: Annotated[
        float | None, typer.Option("--temperature", min=0, max=5, help="Default: the task's own, greedy.")
    ] = None,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, max=100, help="Run the same work N times and tell what differs.")
    ] = 1,
    attest: Attest = None,
    results_dir: Annotated[Path, typer.Option("--results-dir", metavar="DIR", help="Where runs are recorded.")] = Path(
        "results"
    ),
    mirror: Mirror = None,
    fresh: Fresh = False,
    concurrency: Concurrency = None,
    timeout: Timeout = 600.0,
    attempts: Attempts = 5,
    vllm_command: VllmCommand = "vllm",
    engine_args: EngineArgs = "",
    tasks_dir: TasksDirs = None,
    as_json: Json = False,
) -> None:
    """Parses, runs, prints; the help text is HELP."""
    from clueplus.cli.console import ConsoleReporter, show_run
    from clueplus.evaluation.options import Options
    from clueplus.evaluation.run import evaluate_repeatedly

    options = Options(
        model=model,
        tasks=split_names(tasks),
        variant=variant.value if variant else None,
        scoring=scoring.value,
        base_urls=base_url or (),
        backend=backend.value,
        replicas=replicas,
        api=api.value if api else None,
        limit=limit,
        samples=samples,
        temperature=temperature,
        repeat=repeat,
        attest=attest,
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
    runs = evaluate_repeatedly(options, ConsoleReporter())
    if as_json:
        print_json(runs[-1].record.model_dump(mode="json"))
        return
    for run in runs:
        show_run(run)
    if len(runs) > 1:
        from clueplus.cli.noise import show_noise
        from clueplus.comparison.noise import noise

        show_noise(noise(runs))
