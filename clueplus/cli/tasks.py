"""`clueplus tasks`."""

from __future__ import annotations

from typing import Annotated

import typer

from clueplus.cli.shared import Json, Mirror, TasksDirs, complete_tasks, print_json

app = typer.Typer(help="The tasks and groups of the benchmark.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list", epilog="Examples: clueplus tasks list; clueplus tasks list --json")
def list_tasks(mirror: Mirror = None, tasks_dir: TasksDirs = None, as_json: Json = False) -> None:
    """List tasks and groups: how one gets the data, its licence, and what is missing on this machine."""
    from clueplus.cli import task_list
    from clueplus.data import Library
    from clueplus.registry import Catalog

    listing = task_list.take_stock(Catalog(tasks_dir or ()), Library.here(mirror))
    if as_json:
        print_json(task_list.as_json(listing))
        return
    for line in task_list.lines(listing):
        typer.echo(line)


@app.command("show", epilog="Example: clueplus tasks show medec")
def show_task(
    name: Annotated[str, typer.Argument(help="A task's name.", autocompletion=complete_tasks)],
    tasks_dir: TasksDirs = None,
    as_json: Json = False,
) -> None:
    """Show one task: its card, or with --json its whole declaration."""
    from clueplus.registry import Catalog

    spec = Catalog(tasks_dir or ()).task(name)
    if as_json:
        print_json(spec.model_dump(mode="json", exclude={"path"}))
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    card = spec.folder / "README.md"
    if card.is_file():
        console.print(Markdown(card.read_text(encoding="utf-8")))
    console.print(f"\nversion {spec.metadata.version}, scoring {', '.join(spec.metadata.scoring)}", highlight=False)
    console.print(f"citation: {spec.metadata.citation}", highlight=False)
    for variant_name, variant in spec.metadata.variants.items():
        about = f"{variant_name} ({variant.tier}, {variant.access}, {variant.licence}): {variant.description}"
        console.print(about, highlight=False)
        if variant.imported:
            console.print(f"  {variant.imported.url}", highlight=False, soft_wrap=True)
        for source in variant.sources:
            console.print(
                f"  {source.file}\n    {source.url}\n    sha256 {source.sha256}", highlight=False, soft_wrap=True
            )
