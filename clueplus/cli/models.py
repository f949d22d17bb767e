"""`clueplus models`."""

from __future__ import annotations

from typing import Annotated

import typer

from clueplus.cli.shared import Json, complete_models, print_columns, print_json

app = typer.Typer(help="The models that clueplus knows by name.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list", epilog="Example: clueplus models list --json")
def list_models(as_json: Json = False) -> None:
    """List the baselines and the checkpoints with a file under models/."""
    from clueplus.registry import Catalog

    models = Catalog().models
    if as_json:
        print_json([spec.model_dump(mode="json", exclude={"path"}) for spec in models.values()])
        return
    rows = []
    for spec in models.values():
        size = f"{spec.parameters / 1e9:.1f} B" if spec.parameters else "-"
        context = f"{spec.context:,}" if spec.context else "-"
        rows.append((spec.name, size, context, spec.licence, spec.weights or "none"))
    print_columns(("model", "parameters", "context", "licence", "weights"), rows)


@app.command("show", epilog="Example: clueplus models show mediphi-instruct")
def show_model(
    name: Annotated[str, typer.Argument(help="A model's name.", autocompletion=complete_models)], as_json: Json = False
) -> None:
    """Show one model's file."""
    from clueplus.registry import Catalog

    spec = Catalog().model(name)
    if as_json:
        print_json(spec.model_dump(mode="json", exclude={"path"}))
        return
    typer.echo(spec.path.read_text(encoding="utf-8").rstrip())
