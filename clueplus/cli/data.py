"""`clueplus data`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clueplus.cli import rewrite
from clueplus.cli.shared import Json, Mirror, TasksDirs, complete_tasks, print_columns, print_json, split_names

if TYPE_CHECKING:
    from clueplus.data import Library
    from clueplus.registry import Catalog, SourceFile, TaskSpec

app = typer.Typer(
    help="The source files of the tasks: fetch, look, verify, import, rewrite.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Names = Annotated[
    list[str] | None,
    typer.Argument(help="Tasks or groups (default: all).", autocompletion=complete_tasks, metavar="[TASK]..."),
]


@app.command(epilog="Example: clueplus data fetch meqsum medec")
def fetch(names: Names = None, mirror: Mirror = None, tasks_dir: TasksDirs = None) -> None:
    """Bring source files into the data folder, from their pinned URLs or from a mirror; hashes are checked."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from clueplus.data import Library

    library = Library.here(mirror)
    sources = {source.file: source for spec in _specs(names, tasks_dir) for source in _sources(spec)}
    console = Console(stderr=True)
    fetched = 0
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console) as progress:
        bar = progress.add_task("", total=len(sources))
        for source in sources.values():
            progress.update(bar, description=source.file)
            fetched += library.fetch(source)
            progress.advance(bar)
    console.print(f"{fetched} fetched, {len(sources) - fetched} already there: {library.folder}", highlight=False)


@app.command(epilog="Example: clueplus data status --json")
def status(names: Names = None, mirror: Mirror = None, tasks_dir: TasksDirs = None, as_json: Json = False) -> None:
    """Tell for every source file and every import whether it is here and unchanged."""
    from clueplus.data import Library

    library = Library.here(mirror)
    rows = [row for spec in _specs(names, tasks_dir) for row in _status(spec, library)]
    if as_json:
        print_json(rows)
        return
    print_columns(
        ("task", "variant", "state", "tier", "file", "licence"),
        [[row["task"], row["variant"], row["state"], row["tier"], _told(row), row["licence"]] for row in rows],
    )
    typer.echo(f"data folder: {library.folder}, mirror: {library.mirror or 'none'}")


@app.command("import", epilog="Example: clueplus data import mednli ~/physionet/mednli")
def import_(
    task: Annotated[str, typer.Argument(help="The task.", autocompletion=complete_tasks)],
    path: Annotated[Path, typer.Argument(help="The file or folder that you hold, as upstream publishes it.")],
    tasks_dir: TasksDirs = None,
    as_json: Json = False,
) -> None:
    """Make a task's documents from credentialed files: checked, counted, readable by you alone."""
    from clueplus.data import data_folder
    from clueplus.data.importing import import_task
    from clueplus.registry import Catalog

    manifest, rejected = import_task(Catalog(tasks_dir or ()).task(task), path, data_folder())
    if as_json:
        print_json({**manifest.model_dump(), "rejected_rows": [row._asdict() for row in rejected]})
        return
    for row in rejected:
        typer.echo(f"rejected: {row.file} row {row.row}: {row.reason}", err=True)
    counts = ", ".join(f"{count} {split}" for split, count in manifest.splits.items())
    typer.echo(f"{manifest.task} ({manifest.variant}): {counts} documents, {len(rejected)} rows rejected")


app.command("rewrite", help=rewrite.HELP, epilog=rewrite.EXAMPLES)(rewrite.rewrite)


@app.command(epilog="Example: clueplus data verify medec")
def verify(names: Names = None, mirror: Mirror = None, tasks_dir: TasksDirs = None) -> None:
    """Check every file's hash, build the documents, and compare them with the task's stats.json."""
    from clueplus.data import Library
    from clueplus.data.verify import verify_task

    library = Library.here(mirror)
    for spec in _specs(names, tasks_dir):
        for variant, declared in spec.metadata.variants.items():
            if declared.imported:
                typer.echo(f"{spec.name} {variant}: imported by the user, checked at every read")
                continue
            counts = verify_task(spec, variant, library)
            typer.echo(f"{spec.name} {variant}: {counts}")


def _status(spec: TaskSpec, library: Library) -> Iterator[dict[str, Any]]:
    """One row a source file and one an imported variant."""
    from clueplus.data.imported import import_status

    for name, variant in spec.metadata.variants.items():
        for source in variant.sources:
            found = library.status(source)
            place = str(found.place) if found.place else None
            yield {"task": spec.name, "variant": name, "file": source.file, "state": found.state, "tier": source.tier,
                   "licence": source.licence, "place": place}  # fmt: skip
        if variant.imported:
            here = import_status(library.folder, spec.name, name)
            yield {
                "task": spec.name,
                "variant": name,
                "file": here.place.relative_to(library.folder).as_posix(),
                "state": here.state,
                "tier": variant.tier,
                "licence": variant.licence,
                "place": None if here.state == "absent" else str(here.place),
                "documents": here.documents,
                "imported": here.when.isoformat(timespec="seconds") if here.when else None,
            }


def _told(row: dict[str, Any]) -> str:
    """The file, and of an import what came of it."""
    if not row.get("documents"):
        return str(row["file"])
    counts = ", ".join(f"{count} {split}" for split, count in row["documents"].items())
    return f"{row['file']} ({counts}; {row['imported'][:10]})"


def _specs(names: list[str] | None, tasks_dir: list[Path] | None) -> list[TaskSpec]:
    from clueplus.registry import Catalog

    catalog: Catalog = Catalog(tasks_dir or ())
    return catalog.select(split_names(names) if names else list(catalog.tasks))


def _sources(spec: TaskSpec) -> Iterator[SourceFile]:
    for variant in spec.metadata.variants.values():
        yield from variant.sources
