"""`clueplus leaderboard`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clueplus.cli.shared import Json, Mirror, TasksDirs, print_json

if TYPE_CHECKING:
    from clueplus.leaderboard.build import Built, Options
    from clueplus.records.samples import TaskSamples

app = typer.Typer(help="A static site from run records.", no_args_is_help=True, rich_markup_mode=None)

LEFT_OUT = 1
MOST_NOTES = 5

Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="The folder with run records.")]
History = Annotated[
    Path | None, typer.Option("--history", metavar="FILE", help="The gate's verdicts, as its --history wrote them.")
]
Prices = Annotated[
    Path | None, typer.Option("--prices", metavar="FILE", help="What a million tokens cost, by model (YAML).")
]
Samples = Annotated[bool, typer.Option("--samples/--no-samples", help="Show the answers to open and sample items.")]

BUILD_HELP = """Build a site from run records. It opens from a disk: no server, no network, no cookies.

A record that is not of the schema is named and left out; the site is built from the others, and the exit code is 1.
Answers to open and sample items are shown where the store beside the run and the documents are here. Of restricted
items a site holds scores and counts."""

BUILD_EXAMPLES = """Examples:

clueplus leaderboard build --results results/ --out site/

clueplus leaderboard build --no-samples --history gate.jsonl --prices prices.yaml"""


@app.command("build", help=BUILD_HELP, epilog=BUILD_EXAMPLES)
def build(
    results: Results = Path("results"),
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder, or a site to replace.")] = Path(
        "site"
    ),
    samples: Samples = True,
    history: History = None,
    prices: Prices = None,
    mirror: Mirror = None,
    tasks_dir: TasksDirs = None,
    as_json: Json = False,
) -> None:
    """Parses, builds, prints; the help text is BUILD_HELP."""
    from clueplus.leaderboard.build import build as build_site

    built = build_site(_options(results, out, samples, history, prices, mirror, tasks_dir))
    _tell(built)
    if as_json:
        print_json(
            {
                "out": str(out),
                "pages": built.pages,
                "runs": built.runs,
                "left_out": [rejected._asdict() for rejected in built.rejected],
                "notes": built.notes,
            }
        )
    else:
        typer.echo(f"{built.pages} pages from {built.runs} runs: {out / 'index.html'}")
    if built.rejected:
        raise typer.Exit(LEFT_OUT)


def _options(
    results: Path,
    out: Path,
    samples: bool,
    history: Path | None,
    prices: Path | None,
    mirror: Path | None,
    tasks_dir: list[Path] | None,
) -> Options:
    from clueplus.leaderboard.build import Options
    from clueplus.registry import Catalog

    catalog = Catalog(tasks_dir or ())

    def read(folder: Path, tasks: Sequence[str]) -> Iterable[TaskSamples]:
        from clueplus.evaluation.samples import read_samples

        return read_samples(folder, tasks, catalog, mirror)

    return Options(results, out, catalog, read if samples else None, history, prices)


def _tell(built: Built) -> None:
    for rejected in built.rejected:
        typer.echo(f"left out: {rejected.place}: {rejected.reason}", err=True)
    for note in built.notes[:MOST_NOTES]:
        typer.echo(f"note: {note}", err=True)
    if len(built.notes) > MOST_NOTES:
        typer.echo(f"note: {len(built.notes) - MOST_NOTES} more; --json has them all", err=True)


@app.command("serve", epilog="Example: clueplus leaderboard serve --results results/ --port 8765")
def serve(
    results: Results = Path("results"),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8765,
    samples: Samples = True,
    history: History = None,
    prices: Prices = None,
    mirror: Mirror = None,
    tasks_dir: TasksDirs = None,
) -> None:
    """Show the site on this machine alone (127.0.0.1); a reload shows records that came since. Ctrl-C ends it."""
    from clueplus.leaderboard.serve import HOST, serving

    with serving(_options(results, Path("site"), samples, history, prices, mirror, tasks_dir), port) as (server, site):
        if site.built:
            _tell(site.built)
        typer.echo(f"http://{HOST}:{server.server_address[1]}/index.html (Ctrl-C ends)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("ended", err=True)
