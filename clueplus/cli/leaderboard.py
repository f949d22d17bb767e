"""`clueplus leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clueplus.cli.shared import Json, TasksDirs, print_json

app = typer.Typer(help="A static site from run records.", no_args_is_help=True, rich_markup_mode=None)

LEFT_OUT = 1

Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="The folder with run records.")]


@app.command(epilog="Example: clueplus leaderboard build --results results/ --out site/")
def build(
    results: Results = Path("results"),
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder, or a site to replace.")] = Path(
        "site"
    ),
    tasks_dir: TasksDirs = None,
    as_json: Json = False,
) -> None:
    """Build the site. It opens from a disk: no server, no network, no cookies.

    A record that is not of the schema is named and left out; the site is built from the others, and the exit code is 1.
    """
    from clueplus.leaderboard.build import Options
    from clueplus.leaderboard.build import build as build_site
    from clueplus.registry import Catalog

    built = build_site(Options(results, out, Catalog(tasks_dir or ())))
    for rejected in built.rejected:
        typer.echo(f"left out: {rejected.place}: {rejected.reason}", err=True)
    if as_json:
        print_json(
            {
                "out": str(out),
                "pages": built.pages,
                "runs": built.runs,
                "left_out": [rejected._asdict() for rejected in built.rejected],
            }
        )
    else:
        typer.echo(f"{built.pages} pages from {built.runs} runs: {out / 'index.html'}")
    if built.rejected:
        raise typer.Exit(LEFT_OUT)
