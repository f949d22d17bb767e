"""`clueplus compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clueplus.cli.shared import Json, complete_tasks, print_json, read_runs, split_names
from clueplus.errors import ClueplusError

if TYPE_CHECKING:
    from clueplus.comparison.several import Several
    from clueplus.records.run import Run

HELP = """Compare runs, item by item: what changed, and how sure that is.

RUN is a run's folder or its run.json; the first is the baseline. Items are paired by document and prompt. Runs that did
not do the same work (another version, scoring, data, prompt or decoding) are refused, and the first field that differs
is named."""

EXAMPLES = """Examples:

clueplus compare results/old/20260101T120000Z results/new/20260102T120000Z

clueplus compare OLD NEW --tasks medec,mednli --html comparison.html

clueplus compare ONE TWO THREE --markdown"""


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Two runs, or more.")],
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            "--tasks", "-t", help="Only these tasks or groups, comma-separated.", autocompletion=complete_tasks
        ),
    ] = None,
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, for a job summary.")] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page, too.")] = None,
) -> None:
    """Parses, compares, prints; the help text is HELP."""
    if as_json and markdown:
        raise ClueplusError("--json and --markdown both print to standard output", fix="choose one")
    from clueplus.comparison.several import compare_all

    found = read_runs(runs)
    several = compare_all(found, _members(tasks or []))
    if html:
        _write_page(several, found, html)
    if as_json:
        from clueplus.comparison.as_json import as_json as plain_values

        print_json(plain_values(several))
    elif markdown:
        from clueplus.comparison.tables import as_markdown

        sys.stdout.write(as_markdown(several))
    else:
        show(several)


def _members(names: list[str]) -> list[str]:
    """Names of tasks, those of groups taken apart; a task need not be one of the catalog."""
    if not names:
        return []
    from clueplus.registry import Catalog

    groups = Catalog().groups
    return [member for name in split_names(names) for member in (groups[name].task if name in groups else [name])]


def _write_page(several: Several, runs: list[Run], path: Path) -> None:
    from clueplus.comparison.page import page
    from clueplus.evaluation.shown_answers import shown_answers
    from clueplus.files import write_atomic

    write_atomic(path, page(several, [shown_answers(run) for run in runs]))
    typer.echo(f"page: {path}", err=True)


def show(several: Several) -> None:
    """Tables and notes, on standard output."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from clueplus.comparison.tables import notes, summary, tables
    from clueplus.comparison.wording import legend

    console = Console()
    for line in legend(several.runs):
        console.print(escape(line), highlight=False, soft_wrap=True)
    for shown in tables(several):
        console.print(escape(shown.title), style="bold", highlight=False)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for number, heading in enumerate(shown.headings):
            table.add_column(escape(heading), justify="left" if number < shown.words else "right", no_wrap=True)
        for row in shown.rows:
            table.add_row(*map(escape, row))
        console.print(table)
    if len(several.runs) == 2:
        console.print(escape(summary(several.pairs[0, 1])), highlight=False, soft_wrap=True)
    for note in notes(several):
        console.print(f"  [yellow]-[/] {escape(note)}", highlight=False, soft_wrap=True)
