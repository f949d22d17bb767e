"""`clueplus data rewrite`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from clueplus.cli.shared import EngineArgs, Json, TasksDirs, VariantOption, VllmCommand, print_json

if TYPE_CHECKING:
    from clueplus.records.rewriting import RewriteReport

HELP = """Make the documents of medication_qa or rrs_qa with a language model.

medication_qa: the model drops pairs whose answer does not answer the question, and rewrites the others into direct
answers. rrs_qa: it turns impressions into question-answer pairs, kept only if the answer is an exact substring.

FILE is what upstream publishes, as for `data import`; without it, the file that the task was imported from is read
again. MODEL is as in `evaluate`: a served name with --base-url, or what vLLM then serves here. Decoding is greedy.
Finished answers are stored at once: the same command goes on after an interruption. A report without any text of a
document is written beside the documents, and the record of every evaluation on them names the model that made them.
Restricted reports (rrs_qa) go to this machine only, or to hosts that a data-use file names."""

EXAMPLES = """Examples:

clueplus data rewrite medication_qa MedInfo2019-QA-Medications.xlsx --model ./checkpoint

clueplus data rewrite rrs_qa indiana_dev.json --model my-checkpoint --base-url http://127.0.0.1:8000/v1

clueplus data rewrite rrs_qa mediqa2021_rrs_test.json --variant official --model ./checkpoint"""


def complete_rewritable(incomplete: str) -> list[str]:
    """Names of tasks whose documents a model can make."""
    from clueplus.data.rewriting import is_rewritable
    from clueplus.registry import Catalog

    return [name for name, spec in Catalog().tasks.items() if name.startswith(incomplete) and is_rewritable(spec)]


def rewrite(
    task: Annotated[str, typer.Argument(help="The task.", autocompletion=complete_rewritable)],
    model: ModelOption,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The file that you hold. Default: what was imported.")
    ] = None,
    variant: Annotated[
        VariantOption | None,
        typer.Option("--variant", help="What the documents are. Default: official for medication_qa, open for rrs_qa."),
    ] = None,
    base_url: BaseUrls = None,
    backend: Backend = BackendOption.vllm,
    replicas: Replicas = 1,
    api: Api = None,
    attest: Attest = None,
    fresh: Fresh = False,
    concurrency: Concurrency = None,
    timeout: Timeout = 600.0,
    attempts: Attempts = 5,
    vllm_command: VllmCommand = "vllm",
    engine_args: EngineArgs = "",
    tasks_dir: TasksDirs = None,
    as_json: Json = False,
) -> None:
    """Parses, rewrites, prints; the help text is HELP."""
    from clueplus.cli.console import ConsoleReporter
    from clueplus.evaluation.options import Options
    from clueplus.evaluation.rewrite import rewrite as rewrite_task

    options = Options(
        model=model,
        variant=variant.value if variant else None,
        base_urls=base_url or (),
        backend=backend.value,
        replicas=replicas,
        api=api.value if api else None,
        attest=attest,
        fresh=fresh,
        tasks_dirs=tasks_dir or (),
        concurrency=concurrency,
        timeout=timeout,
        attempts=attempts,
        vllm_command=vllm_command,
        engine_args=engine_args,
        command=["clueplus", *sys.argv[1:]],
    )
    report, path = rewrite_task(task, file, options, ConsoleReporter())
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        show_report(report, path)


def show_report(report: RewriteReport, path: Path) -> None:
    """How much was kept, and why the rest was not."""
    counts = ", ".join(f"{count} {split}" for split, count in report.splits.items())
    typer.echo(f"{report.task} ({report.variant}): {counts} documents, made by {report.made_by.model}")
    candidates = report.kept + sum(report.dropped.values())
    typer.echo(f"asked {report.asked} times, kept {report.kept} of {candidates} candidates ({report.acceptance:.0%})")
    for what, reasons in (("rejected row", report.rejected), ("dropped", report.dropped), ("failed", report.failed)):
        for reason, count in reasons.items():
            typer.echo(f"  {what}: {count} x {reason}")
    typer.echo(f"report: {path}")
