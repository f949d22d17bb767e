"""`clueplus synth`: instruction data made to order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clueplus.cli.answering import Api, Attempts, BaseUrls, Concurrency, ModelOption, Replicas, Timeout
from clueplus.cli.shared import EngineArgs, Json, VllmCommand, complete_models, print_json
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

app = typer.Typer(help=HELP, rich_markup_mode=None, no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The --out folder of `synth run`.")]


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
    price: Annotated[
        str | None,
        typer.Option("--price", metavar="IN,OUT", help="Price of a million prompt and completion tokens."),
    ] = None,
    judge_price: Annotated[
        str | None, typer.Option("--judge-price", metavar="IN,OUT", help="The same of the judge. Default: --price.")
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
    from clueplus.training.synthesis.recipe import read_recipe
    from clueplus.training.synthesis.run import Order, synthesise
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
    state, progress = synthesise(order, reporter)
    if progress.failed_rows:
        reporter.note(f"{progress.failed_rows} rows failed: the same command asks again for what is missing")
    _show(summary(out, state, progress.tally), as_json, show_status)


@app.command("status", help=STATUS_HELP, epilog=STATUS_EXAMPLES)
def status(folder: Folder, as_json: Json = False) -> None:
    """Reads and prints; the help text is STATUS_HELP."""
    from clueplus.cli.synth_console import show_status
    from clueplus.training.synthesis.status import status as read_status

    _show(read_status(folder), as_json, show_status)


def _show(summary: dict[str, Any], as_json: bool, show: Any) -> None:
    if as_json:
        print_json(summary)
    else:
        show(summary)
