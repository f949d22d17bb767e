"""`clueplus merge`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clueplus.cli.shared import Json, print_json

if TYPE_CHECKING:
    from clueplus.training.merging.report import MergeReport

HELP = """Merge checkpoints of one architecture into a new one.

CONFIG is a merge configuration in mergekit's YAML; seed, scope, device and generation_config may stand beside its keys.
OUT is a new folder: it gets the weights, config, tokenizer, generation config and a merge report, all or nothing."""

EXAMPLES = """Examples:

clueplus merge merge.yaml merged --dry-run

clueplus merge merge.yaml merged --report merged.html"""

_PAGES = {".html", ".json"}


def merge(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The configuration, a YAML file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder of the merged checkpoint.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, print sizes and memory, and merge nothing.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write the report here too: .html with a plot, or .json."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Parses, merges, prints; the help text is HELP."""
    from clueplus.errors import ClueplusError
    from clueplus.files import write_atomic
    from clueplus.training.merging.config import read_config
    from clueplus.training.merging.output import check_place
    from clueplus.training.merging.page import page
    from clueplus.training.merging.plan import make_plan
    from clueplus.training.merging.run import merge as merge_checkpoints

    if report is not None and report.suffix not in _PAGES:
        raise ClueplusError(f"--report {report}: the name ends neither in .html nor in .json")
    plan = make_plan(read_config(config))
    check_place(out, plan.output_bytes)
    if dry_run:
        print_json(plan.summary()) if as_json else _show_plan(plan.summary())
        return
    for note in plan.notes:
        typer.echo(f"note: {note}", err=True)
    with _Bar() as progress:
        result = merge_checkpoints(plan, out, progress)
    if report is not None:
        write_atomic(report, page(result) if report.suffix == ".html" else result.model_dump_json(indent=2) + "\n")
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        _show(result, out)


def _show_plan(plan: dict[str, Any]) -> None:
    typer.echo(f"{plan['method']} of {', '.join(plan['models'])}" + (f" on {plan['base']}" if plan["base"] else ""))
    typer.echo(f"{plan['parameters']:,} parameters in {plan['tensors']} tensors")
    typer.echo(
        f"reads {_size(plan['read_bytes'])}, writes {_size(plan['write_bytes'])} to {len(plan['files'])} file(s)"
    )
    typer.echo(f"needs about {_size(plan['memory_bytes'])} of memory")
    for note in plan["notes"]:
        typer.echo(f"note: {note}")


def _size(number: int) -> str:
    return f"{number / 1e9:.2f} GB" if number >= 1e8 else f"{number / 1e6:.2f} MB"


def _show(report: MergeReport, out: Path) -> None:
    summary = report.summary
    typer.echo(f"{report.method}: {report.parameters:,} parameters, {report.seconds:.1f} s, {report.dtype}")
    for label, name in (
        ("cosine to the base", "cosine_to_base"),
        ("kept fraction", "kept"),
        ("delta survival", "survival"),
    ):
        value = getattr(summary, name)
        typer.echo(f"  {label}: {summary.reasons[name]}" if value is None else f"  {label}, median: {value:.6g}")
    typer.echo(f"  weights: sha256 {report.weights}")
    typer.echo(f"checkpoint: {out}")


class _Bar:
    """Progress on standard error: tensors, tensors a second, time left."""

    def __enter__(self) -> Any:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("tensors"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=None, rate="")
        self._progress.start()
        return self._move

    def _move(self, done: int, total: int) -> None:
        elapsed = self._progress.tasks[0].elapsed
        rate = f"{done / elapsed:.1f}/s" if elapsed else ""
        self._progress.update(self._task, completed=done, total=total, rate=rate)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
