"""`clueplus tasks`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clueplus.cli.shared import Json, TasksDirs, complete_tasks, print_columns, print_json

app = typer.Typer(help="The tasks and groups of the benchmark.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list", epilog="Example: clueplus tasks list --json")
def list_tasks(tasks_dir: TasksDirs = None, as_json: Json = False) -> None:
    """List every task with its variants, and every group."""
    from clueplus.registry import Catalog

    catalog = Catalog(tasks_dir or ())
    if as_json:
        print_json(
            {
                "tasks": [_task_json(spec) for spec in catalog.tasks.values()],
                "groups": {name: group.task for name, group in catalog.groups.items()},
            }
        )
        return
    rows = []
    for spec in catalog.tasks.values():
        metadata = spec.metadata
        variants = ", ".join(
            name if name == variant.tier else f"{name} ({variant.tier})" for name, variant in metadata.variants.items()
        )
        rows.append((spec.name, metadata.task_type, str(spec.num_fewshot), variants, ", ".join(metadata.components)))
    print_columns(("task", "type", "shots", "variants (tier)", "components"), rows)
    for name, group in catalog.groups.items():
        typer.echo(f"group {name}: {', '.join(group.task)}")


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
        console.print(f"{variant_name} ({variant.tier}, {variant.licence}): {variant.description}", highlight=False)
        for source in variant.sources:
            console.print(
                f"  {source.file}\n    {source.url}\n    sha256 {source.sha256}", highlight=False, soft_wrap=True
            )


def _task_json(spec: Any) -> dict[str, Any]:
    metadata = spec.metadata
    return {
        "name": spec.name,
        "version": metadata.version,
        "title": metadata.title,
        "task_type": metadata.task_type,
        "shots": spec.num_fewshot,
        "components": metadata.components,
        "scoring": metadata.scoring,
        "variants": {name: {"tier": v.tier, "licence": v.licence} for name, v in metadata.variants.items()},
        "superseded_by": metadata.superseded_by,
    }
