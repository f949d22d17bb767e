"""`clueplus train plan`, `train run`, `train status` and `train lineage`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clueplus.cli.shared import Json, print_json

if TYPE_CHECKING:
    from clueplus.training.recipe.spec import Recipe
    from clueplus.training.recipe.work import Work

GATE_FAILED = 1

app = typer.Typer(
    help="Recipes: from corpora to experts, a merge and an aligned model, each stage traced.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

PLAN_HELP = """Show what a run of a recipe would do: stages in order, what is done, sizes, tokens, cost.

RECIPE is a name of a shipped recipe or a YAML file. Nothing is made or fetched."""

PLAN_EXAMPLES = """Examples:

clueplus train plan mediphi

clueplus train plan mediphi --rehearse

clueplus train plan my-recipe.yaml --peak-tflops 312 --mfu 0.35 --price 2.10 --json"""

RUN_HELP = """Run what a recipe lacks, stage after stage.

A finished stage is kept and never made again while its settings, inputs and seed are the same; the same command goes on
after an interruption or a kill. The first stage that fails ends the run. --rehearse runs everything on a model of two
layers that is made here, in minutes on a CPU.

Exit codes: 0 done, 1 done and a gate did not pass, 2 a user's error or a failed stage, 130 interrupted."""

RUN_EXAMPLES = """Examples:

clueplus train run mediphi --rehearse

clueplus train run mediphi --work /scratch/mediphi --only medcode

clueplus train run my-recipe.yaml --redo sft"""

STATUS_HELP = """Show which stages of a recipe are done, what came out of them, and where it lies."""

STATUS_EXAMPLES = """Example:

clueplus train status mediphi --rehearse"""

LINEAGE_HELP = """Draw where a checkpoint comes from, back to its base and its corpora.

CHECKPOINT is a folder that train run made, or any copy of it."""

LINEAGE_EXAMPLES = """Examples:

clueplus train lineage work/mediphi/align/dpo-0123456789ab

clueplus train lineage ./checkpoint --json --check"""


def complete_recipes(incomplete: str) -> list[str]:
    """Names of shipped recipes; files are the shell's own."""
    from clueplus.training.recipe.find import recipe_names

    return [name for name in recipe_names() if name.startswith(incomplete)]


def complete_stages(context: typer.Context, incomplete: str) -> list[str]:
    """Stages of the recipe that was named before."""
    from clueplus.errors import ClueplusError
    from clueplus.training.recipe.find import read_recipe

    try:
        stages = read_recipe(str(context.params.get("recipe"))).stages
    except ClueplusError:
        return []
    return [name for name in stages if name.startswith(incomplete)]


RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A recipe's name or file.", autocompletion=complete_recipes)
]
Rehearse = Annotated[bool, typer.Option("--rehearse", help="On a model of two layers and small corpora, on a CPU.")]
WorkDir = Annotated[
    Path | None,
    typer.Option("--work", metavar="DIR", help="Where outputs lie. Default: work/RECIPE, or work/RECIPE-rehearsal."),
]


@app.command("plan", help=PLAN_HELP, epilog=PLAN_EXAMPLES)
def plan(
    recipe: RecipeName,
    rehearse: Rehearse = False,
    work: WorkDir = None,
    peak: Annotated[
        float, typer.Option("--peak-tflops", min=0.001, help="A device's peak in dense bfloat16; the default: an H100.")
    ] = 989.0,
    mfu: Annotated[float, typer.Option("--mfu", min=0.001, max=1, help="The share of the peak that is used.")] = 0.4,
    price: Annotated[float | None, typer.Option("--price", min=0, help="Of a device's hour.")] = None,
    as_json: Json = False,
) -> None:
    """Parses, plans, prints; the help text is PLAN_HELP."""
    from clueplus.cli.train_console import show_plan
    from clueplus.training.recipe.cost import Rates
    from clueplus.training.recipe.plan import as_json as plan_json
    from clueplus.training.recipe.plan import make_plan

    opened, folder = _opened(recipe, rehearse, work)
    made = make_plan(opened, folder, Rates(peak * 1e12, mfu, price))
    print_json(plan_json(made)) if as_json else show_plan(made)


@app.command("run", help=RUN_HELP, epilog=RUN_EXAMPLES)
def run(
    recipe: RecipeName,
    rehearse: Rehearse = False,
    work: WorkDir = None,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="STAGE", help="This stage and what it needs.", autocompletion=complete_stages),
    ] = None,
    redo: Annotated[
        list[str] | None,
        typer.Option("--redo", metavar="STAGE", help="Make it again; repeatable.", autocompletion=complete_stages),
    ] = None,
    as_json: Json = False,
) -> None:
    """Parses, runs, prints; the help text is RUN_HELP."""
    from clueplus.cli.train_console import TrainReporter
    from clueplus.training.recipe.execute import run as run_recipe
    from clueplus.training.recipe.functions import stage_functions
    from clueplus.training.recipe.plan import stages_json
    from clueplus.training.recipe.small_machine import keep_memory, use_one_core

    os.environ.setdefault("TQDM_DISABLE", "1")  # libraries load and save under bars of their own
    opened, folder = _opened(recipe, rehearse, work)
    if rehearse:
        use_one_core()
        keep_memory()
    with TrainReporter(opened, folder) as reporter:
        outcome = run_recipe(opened, folder, stage_functions(), reporter, only=only, redo=redo or ())
    if as_json:
        print_json({"recipe": opened.name, "made": outcome.made, "stages": stages_json(outcome.nodes)})
    else:
        reporter.tell(outcome)
    if any(status != "PASS" for status in outcome.verdicts.values()):
        raise typer.Exit(GATE_FAILED)


@app.command("status", help=STATUS_HELP, epilog=STATUS_EXAMPLES)
def status(recipe: RecipeName, rehearse: Rehearse = False, work: WorkDir = None, as_json: Json = False) -> None:
    """Parses, looks, prints; the help text is STATUS_HELP."""
    from clueplus.cli.train_console import show_status
    from clueplus.training.recipe.cost import Rates
    from clueplus.training.recipe.plan import as_json as plan_json
    from clueplus.training.recipe.plan import make_plan

    opened, folder = _opened(recipe, rehearse, work)
    made = make_plan(opened, folder, Rates())
    print_json(plan_json(made)["stages"]) if as_json else show_status(made)


@app.command("lineage", help=LINEAGE_HELP, epilog=LINEAGE_EXAMPLES)
def lineage(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="The checkpoint's folder.")],
    check: Annotated[bool, typer.Option("--check", help="Also hash its files: is it the checkpoint told of?")] = False,
    as_json: Json = False,
) -> None:
    """Parses, reads, draws; the help text is LINEAGE_HELP."""
    from clueplus.records.lineage import check_lineage, read_lineage
    from clueplus.training.lineage.draw import tree

    found = read_lineage(checkpoint)
    if check:
        check_lineage(checkpoint, found)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    typer.echo(f"{found.recipe.name}{' (rehearsal)' if found.recipe.rehearsal else ''}, checkpoint {found.checkpoint}")
    for line in tree(found):
        typer.echo(line)


def _opened(name: str, rehearse: bool, work: Path | None) -> tuple[Recipe, Work]:
    """The recipe that is meant, and its work folder."""
    from clueplus.training.recipe.find import read_recipe
    from clueplus.training.recipe.rehearse import rehearsed
    from clueplus.training.recipe.work import Work

    recipe = read_recipe(name)
    folder = work or Path("work") / (f"{recipe.name}-rehearsal" if rehearse else recipe.name)
    return (rehearsed(recipe) if rehearse else recipe), Work(folder)
