"""`clueplus synth`: instruction data made to order."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clueplus.cli.answering import Api, Attempts, BaseUrls, Concurrency, ModelOption, Replicas, Timeout
from clueplus.cli.shared import EngineArgs, Json, Mirror, VllmCommand, complete_models, print_json, split_names
from clueplus.errors import ClueplusError

if TYPE_CHECKING:
    from clueplus.evaluation.options import Options
    from clueplus.training.synthesis.tally import Price

HELP = """Make instruction data with served models: sample, generate, check, judge, filter, corrupt.

The recipe says what is asked for; docs/synthesis.md explains it. Every answer is stored the moment it comes, so the
same command goes on after an interruption, without a row lost or doubled."""

RUN_HELP = """Make rows: one instruction with three or four input/output pairs each, checked and judged.

RECIPE is the name of a shipped recipe (mediflow) or a YAML file. MODEL is as in `evaluate`: a served name with
--base-url, or what vLLM then serves here; several endpoints share one queue. What row number i asks for depends on the
seed and i alone. The same command goes on after an interruption; with more --rows it adds to them; with another judge
it judges again. Malformed, refused or cut off answers are rejects, counted by reason."""

RUN_EXAMPLES = """Examples:

clueplus synth run mediflow --model my-checkpoint --base-url http://127.0.0.1:8000/v1 --rows 100 --out synthesis

clueplus synth run mediflow --model writer --base-url http://a:8000/v1 --base-url http://b:8000/v1 --rows 700000
--judge-model judge --judge-base-url http://c:8000/v1 --out synthesis --price 0.5,1.5"""

STATUS_HELP = "Tell what a folder of synthesis holds: rows, rejects by reason, tokens, rate, cost."
STATUS_EXAMPLES = """Example:

clueplus synth status synthesis"""

FILTER_HELP = """Write the best rows: a view of what was judged, which can be taken again with other bounds.

ROWS is the folder of `synth run`, or a JSONL or Parquet file (or a folder of them) with MediFlow's columns.
Near-duplicates of an instruction or an input go, and so does what shares text with a registered test split. With
--stratify, --top-k takes as many rows of each combination of these columns as it can; `document_type` is a document
without its section. Beside the rows, a report counts what was dropped and why, and names the test splits that were not
here to compare with."""

FILTER_EXAMPLES = """Examples:

clueplus synth filter synthesis --out best.jsonl --top-k 800000 --stratify task_type,output_format

clueplus synth filter mediflow.parquet --out best.jsonl --min quality=3 --min realism=2.5"""

PREFERENCES_HELP = """Write preference pairs: the best rows, each with a slightly worse answer that a model wrote.

ROWS is what `synth filter` wrote, the folder of `synth run`, or a published file. The best instructions, taking turns
by task, document and format, get three, two or one pairs each, as the recipe says. A pair is kept only if its chosen
answer passes the checks, and the rejected one differs from it and is about as long. The same command goes on after an
interruption."""

PREFERENCES_EXAMPLES = """Example:

clueplus synth preferences best.jsonl --model writer --base-url http://127.0.0.1:8000/v1 --out preferences"""

app = typer.Typer(help=HELP, rich_markup_mode=None, no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The --out folder of `synth run`.")]


class Cluster(StrEnum):
    """What spreads blocks of rows over machines."""

    ray = "ray"


def complete_recipes(incomplete: str) -> list[str]:
    """Names of shipped recipes; paths are the shell's own."""
    from clueplus.training.synthesis.recipe import recipe_names

    return [name for name in recipe_names() if name.startswith(incomplete)]


def read_price(text: str | None, option: str) -> Price | None:
    """The price in "PROMPT,COMPLETION".

    Raises:
        ClueplusError: it is no two numbers.
    """
    from clueplus.training.synthesis.tally import Price

    if text is None:
        return None
    try:
        prompt, completion = map(float, text.split(","))
        if not (0 <= prompt < float("inf") and 0 <= completion < float("inf")):
            raise ValueError
    except ValueError as error:
        raise ClueplusError(
            f"{option} {text}: two prices of a million tokens are expected", fix=f"{option} 0.5,1.5"
        ) from error
    return Price(prompt=prompt, completion=completion)


def read_minimum(words: list[str]) -> dict[str, float]:
    """The bounds in ["quality=3", ...].

    Raises:
        ClueplusError: one is no name and number.
    """
    bounds = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            bounds[name] = float(value)
        except ValueError as error:
            raise ClueplusError(f"--min {word}: COLUMN=SCORE is expected", fix="--min quality=3") from error
    return bounds


PriceOption = Annotated[
    str | None, typer.Option("--price", metavar="IN,OUT", help="Price of a million prompt and completion tokens.")
]
RowsArgument = Annotated[
    Path, typer.Argument(metavar="ROWS", help="A folder of `synth run`, or a file or folder of rows.")
]
RecipeArgument = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A recipe's name or YAML file.", autocompletion=complete_recipes)
]


@app.command("run", help=RUN_HELP, epilog=RUN_EXAMPLES)
def run(
    recipe: RecipeArgument,
    model: ModelOption,
    rows: Annotated[int, typer.Option("--rows", min=1, help="How many rows there shall be.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder that holds them.")],
    base_url: BaseUrls = None,
    judge_model: Annotated[
        str | None,
        typer.Option("--judge-model", help="The model that judges. Default: MODEL.", autocompletion=complete_models),
    ] = None,
    judge_base_url: Annotated[
        list[str] | None,
        typer.Option("--judge-base-url", metavar="URL", help="Where the judge is; repeatable. Default: --base-url."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all draws and requests.")] = 1234,
    price: PriceOption = None,
    judge_price: Annotated[
        str | None, typer.Option("--judge-price", metavar="IN,OUT", help="The same of the judge. Default: --price.")
    ] = None,
    cluster: Annotated[
        Cluster | None,
        typer.Option("--cluster", help="Spread blocks of 1,000 rows over a Ray cluster; DIR is on a shared disk."),
    ] = None,
    replicas: Replicas = 1,
    api: Api = None,
    concurrency: Concurrency = None,
    timeout: Timeout = 600.0,
    attempts: Attempts = 5,
    vllm_command: VllmCommand = "vllm",
    engine_args: EngineArgs = "",
    as_json: Json = False,
) -> None:
    """Parses, synthesises, prints; the help text is RUN_HELP."""
    from clueplus.cli.synth_console import SynthReporter, show_status
    from clueplus.evaluation.options import Options
    from clueplus.training.synthesis.calls import Stage
    from clueplus.training.synthesis.order import Order
    from clueplus.training.synthesis.recipe import read_recipe
    from clueplus.training.synthesis.run import synthesise
    from clueplus.training.synthesis.status import summary

    if judge_base_url and judge_model is None:
        raise ClueplusError("--judge-base-url needs --judge-model", fix="name the judge")

    def asked(name: str, urls: list[str] | None) -> Options:
        return Options(
            model=name,
            base_urls=urls or (),
            api=api.value if api else None,
            results_dir=out,
            concurrency=concurrency,
            timeout=timeout,
            attempts=attempts,
            replicas=replicas,
            vllm_command=vllm_command,
            engine_args=engine_args,
        )

    prices: dict[Stage, Price] = {}
    own = read_price(price, "--price")
    if own:
        prices["generated"] = own
    judges = read_price(judge_price, "--judge-price") or own
    if judges:
        prices["judged"] = judges
    order = Order(
        recipe=read_recipe(recipe),
        rows=rows,
        out=out,
        model=asked(model, base_url),
        judge=asked(judge_model, judge_base_url or base_url) if judge_model else None,
        seed=seed,
        prices=prices,
    )
    reporter = SynthReporter()
    if cluster is None:
        state, progress = synthesise(order, reporter)
    else:
        from clueplus.training.synthesis.cluster import synthesise_on_ray

        state, progress = synthesise_on_ray(order, reporter)
    if progress.failed_rows:
        reporter.note(f"{progress.failed_rows} rows failed: the same command asks again for what is missing")
    _show(summary(out, state, progress.tally), as_json, show_status)


@app.command("filter", help=FILTER_HELP, epilog=FILTER_EXAMPLES)
def filter_command(
    rows: RowsArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The JSONL file to write.")],
    top_k: Annotated[int | None, typer.Option("--top-k", min=1, help="At most so many rows. Default: all.")] = None,
    stratify: Annotated[
        list[str] | None, typer.Option("--stratify", metavar="COLUMNS", help="Columns, separated by commas.")
    ] = None,
    minimum: Annotated[
        list[str] | None, typer.Option("--min", metavar="COLUMN=SCORE", help="The least mean score; repeatable.")
    ] = None,
    mirror: Mirror = None,
    as_json: Json = False,
) -> None:
    """Parses, filters, prints; the help text is FILTER_HELP."""
    from clueplus.cli.synth_console import FilterReporter, show_filtered
    from clueplus.data import Library
    from clueplus.registry import Catalog
    from clueplus.training.corpora.benchmark import read_benchmark
    from clueplus.training.synthesis.filter import View, filter_rows

    view = View(top=top_k, stratify=tuple(split_names(stratify or [])), minimum=read_minimum(minimum or []))
    benchmark = read_benchmark(Catalog(), Library.here(mirror), view.decontaminate.ngram)
    with FilterReporter() as reporter:
        report = filter_rows(rows, out, view, benchmark, reporter.progress)
    _show(report, as_json, lambda found: show_filtered(found, out))


@app.command("preferences", help=PREFERENCES_HELP, epilog=PREFERENCES_EXAMPLES)
def preferences(
    rows: RowsArgument,
    model: ModelOption,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write to.")],
    base_url: BaseUrls = None,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", help="Default: that of ROWS, else mediflow.", autocompletion=complete_recipes),
    ] = None,
    instructions: Annotated[
        int | None, typer.Option("--instructions", min=1, help="How many of the best. Default: the recipe's, or all.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all draws and requests.")] = 1234,
    price: PriceOption = None,
    replicas: Replicas = 1,
    api: Api = None,
    concurrency: Concurrency = None,
    timeout: Timeout = 600.0,
    attempts: Attempts = 5,
    vllm_command: VllmCommand = "vllm",
    engine_args: EngineArgs = "",
    as_json: Json = False,
) -> None:
    """Parses, corrupts, prints; the help text is PREFERENCES_HELP."""
    from clueplus.cli.console import ConsoleReporter
    from clueplus.cli.synth_console import show_preferences
    from clueplus.evaluation.options import Options
    from clueplus.training.synthesis.preferences import Order, make_preferences
    from clueplus.training.synthesis.reading import recipe_of

    options = Options(
        model=model,
        base_urls=base_url or (),
        api=api.value if api else None,
        results_dir=out,
        concurrency=concurrency,
        timeout=timeout,
        attempts=attempts,
        replicas=replicas,
        vllm_command=vllm_command,
        engine_args=engine_args,
    )
    order = Order(rows, recipe_of(rows, recipe), out, options, instructions, seed, read_price(price, "--price"))
    report = make_preferences(order, ConsoleReporter())
    _show(report, as_json, lambda found: show_preferences(found, out))


@app.command("status", help=STATUS_HELP, epilog=STATUS_EXAMPLES)
def status(folder: Folder, as_json: Json = False) -> None:
    """Reads and prints; the help text is STATUS_HELP."""
    from clueplus.cli.synth_console import show_status
    from clueplus.training.synthesis.status import status as read_status

    _show(read_status(folder), as_json, show_status)


def _show(summary: dict[str, Any], as_json: bool, show: Callable[[dict[str, Any]], None]) -> None:
    if as_json:
        print_json(summary)
    else:
        show(summary)
