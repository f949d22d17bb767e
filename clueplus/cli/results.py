"""`clueplus results`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clueplus.cli.shared import Json, TasksDirs, print_json

if TYPE_CHECKING:
    from clueplus.exchange.every_eval_ever import Export

app = typer.Typer(
    help="Run records in the forms of other harnesses, and back.", no_args_is_help=True, rich_markup_mode=None
)


class Form(StrEnum):
    """The forms that a record can be exported to."""

    lm_eval = "lm-eval"
    every_eval_ever = "every-eval-ever"


_EXPORT_EXAMPLES = """Examples:

clueplus results export results/baseline-nearest/official --to lm-eval --out nearest.json

clueplus results export results/baseline-nearest/official --to every-eval-ever --out datastore"""


@app.command("export", epilog=_EXPORT_EXAMPLES)
def export(
    run: Annotated[Path, typer.Argument(help="A run's folder or its run.json.")],
    to: Annotated[Form, typer.Option("--to", help="The form.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The file to write; for every-eval-ever, the folder of its data/ tree. Default: standard output.",
        ),
    ] = None,
) -> None:
    """Write a run's record in the form of lm-eval's results JSON, or of every_eval_ever's schema.

    Neither holds a document's text, a path or a host of this machine. docs/results.md lists what each form has no
    place for.
    """
    import json

    from clueplus.exchange.every_eval_ever import to_every_eval_ever
    from clueplus.exchange.lm_eval_export import to_lm_eval
    from clueplus.files import write_atomic
    from clueplus.records.run import read_run
    from clueplus.registry import Catalog

    _, record, items = read_run(run)
    if to is Form.every_eval_ever:
        found = to_every_eval_ever(record, items, Catalog().tasks)
        if out is not None:
            _write_tree(found, out)
            return
        document = found.aggregate
    else:
        document = to_lm_eval(record)
    if out is None:
        print_json(document)
        return
    write_atomic(out, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    typer.echo(f"written: {out}", err=True)


def _write_tree(found: Export, folder: Path) -> None:
    """The aggregate comes last, so that it never names samples that are not there."""
    from clueplus.files import write_atomic

    for name, content in found.files().items():
        write_atomic(folder / name, content)
        typer.echo(f"written: {folder / name}", err=True)


_IMPORT_EXAMPLES = """Examples:

clueplus results import results_2026-11-25T03-52-57.json

clueplus results import results_2026-11-25T03-52-57.json --samples samples_medec_2026-11-25T03-52-57.jsonl"""


@app.command("import", epilog=_IMPORT_EXAMPLES)
def import_results(
    path: Annotated[Path, typer.Argument(metavar="RESULTS.json", help="The results file of stock lm-eval.")],
    samples: Annotated[
        list[Path] | None,
        typer.Option("--samples", metavar="FILE", help="A samples_*.jsonl of the same run; repeatable."),
    ] = None,
    results_dir: Annotated[Path, typer.Option("--results-dir", metavar="DIR", help="Where runs are recorded.")] = Path(
        "results"
    ),
    tasks_dir: TasksDirs = None,
    as_json: Json = False,
) -> None:
    """Record a run of stock lm-eval on clueplus's tasks.

    With its samples, the record has items, intervals, and can be compared; without, only the scores. Documents and
    answers in the samples are hashed, and not kept.
    """
    from clueplus.cli.console import show_run
    from clueplus.exchange.importing import import_lm_eval
    from clueplus.registry import Catalog

    found = import_lm_eval(path, samples or [], results_dir, Catalog(tasks_dir or ()))
    if as_json:
        print_json(found.record.model_dump(mode="json"))
        return
    show_run(found)
    for task in found.record.tasks:
        if task.no_items:
            typer.echo(
                f"no items of {task.name}: its score has no interval and can't be compared (--samples)", err=True
            )
    left_out = found.record.imported.left_out if found.record.imported else {}
    if left_out:
        typer.echo(f"{len(left_out)} left out:", err=True)
    for name, reason in left_out.items():
        typer.echo(f"  {name}: {reason}", err=True)
