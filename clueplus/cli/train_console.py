"""What a person sees of a recipe: its plan, its progress, where it stands."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from clueplus.cli.shared import print_columns

if TYPE_CHECKING:
    from clueplus.training.recipe.blocks import Kind
    from clueplus.training.recipe.execute import Outcome
    from clueplus.training.recipe.plan import Plan, Planned
    from clueplus.training.recipe.spec import Recipe
    from clueplus.training.recipe.work import Work
    from clueplus.training.trained import Progress as State


class TrainReporter:
    """Progress on standard error: the stage, its loss or count, tokens a second, time left.

    Args:
        recipe: that runs.
        work: its folder.
    """

    def __init__(self, recipe: Recipe, work: Work) -> None:
        self._recipe, self._work = recipe, work
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._stage = ""
        self._noted: set[str] = set()

    def __enter__(self) -> TrainReporter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()
        if error is not None and self._stage:
            more = "" if isinstance(error, KeyboardInterrupt) else "; what is finished is kept: run goes on from there"
            self._say(f"[yellow]stopped[/] in {self._stage}{more}")

    def note(self, text: str) -> None:
        """One line worth knowing, once: seven corpora miss the same test splits."""
        if text in self._noted:
            return
        self._noted.add(text)
        self._say(f"[yellow]note[/] {escape(text)}")

    def kept(self, name: str) -> None:
        """A stage is done already."""
        self._say(f"[dim]kept[/]  {escape(name)}")

    def started(self, name: str, kind: Kind, number: int, total: int) -> None:
        """A stage begins."""
        self._stage = name
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn(f"{number}/{total} {escape(name)} ({kind})"),
                BarColumn(),
                TextColumn("{task.fields[more]}"),
                console=self._console,
                transient=True,
            )
            self._bar.add_task("", total=None, more="")
            self._bar.start()

    def progress(self, state: State) -> None:
        """A step of a training is done."""
        loss = "" if state.loss is None else f"loss {state.loss:.3f} "
        speed = "" if state.tokens_per_second is None else f"{state.tokens_per_second:,.0f} tokens/s "
        used = "" if state.mfu is None else f"MFU {100 * state.mfu:.0f}% "
        left = "" if state.seconds_left is None else f"{_time(state.seconds_left)} left"
        self._move(state.step, state.steps, f"{loss}{speed}{used}{left}")

    def counted(self, what: str, done: int, total: int) -> None:
        """So many of something are done."""
        self._move(done, total, f"{done:,} {what}")

    def finished(self, name: str, seconds: float, told: str) -> None:
        """A stage is whole."""
        self._close()
        self._stage = ""
        self._say(f"[green]done[/]  {escape(name)}  {_time(seconds)}  {escape(told)}")

    def tell(self, outcome: Outcome) -> None:
        """Where the outputs lie, on standard output."""
        typer.echo(f"{self._recipe.name}: {len(outcome.made)} stages made, {len(outcome.nodes)} done")
        for name, status in outcome.verdicts.items():
            typer.echo(f"{name}: {status}")
        models = [node for node in outcome.nodes if node.kind in ("expert", "merge", "align")]
        if models:
            typer.echo(f"checkpoint: {models[-1].place}")

    def _move(self, done: int, total: int, more: str) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total or None, more=more)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)


def show_plan(plan: Plan) -> None:
    """The plan as a table, with the assumptions of its estimates."""
    base, rates = plan.base, plan.rates
    size = f"{base.parameters:,} parameters" if base.parameters else "of unknown size"
    here = "" if base.digest else ", not on this machine yet"
    typer.echo(f"{plan.recipe.name}: {' '.join(plan.recipe.description.split())}")
    typer.echo(f"base: {base.name}, {size}{here}")
    rows = [
        (
            stage.name,
            f"{stage.kind} {stage.method}" if stage.method else stage.kind,
            stage.state,
            ", ".join(stage.needs) or "-",
            _tokens(stage),
            _bytes(stage.weights),
            "-" if stage.estimate.hours is None else _hours(stage.estimate.hours),
        )
        for stage in plan.stages
    ]
    print_columns(("stage", "kind", "state", "from", "tokens", "size", "device hours"), rows)
    for stage in plan.stages:
        if stage.missing:
            typer.echo(f"missing: {stage.name}: {stage.missing}")
    _show_cost(plan, rates)


def _show_cost(plan: Plan, rates: Any) -> None:
    money = "" if rates.price is None else f", {plan.hours * rates.price:,.2f} at {rates.price:g} an hour"
    lacking = f"; unknown: {', '.join(plan.unknown)}" if plan.unknown else ""
    typer.echo(f"to train: about {_hours(plan.hours)} device hours{money}{lacking}")
    typer.echo(
        "assumed: 6 operations a weight and token (8 for dpo), no attention;"
        f" {rates.peak / 1e12:g} TFLOP/s a device at {100 * rates.mfu:g}%; merges and evaluations not counted"
    )


def show_status(plan: Plan) -> None:
    """Where each stage stands."""
    rows = [
        (
            stage.name,
            stage.kind,
            stage.state,
            "-" if stage.seconds is None else _time(stage.seconds),
            stage.told or stage.missing or "-",
        )
        for stage in plan.stages
    ]
    print_columns(("stage", "kind", "state", "time", "result"), rows)
    done = [stage for stage in plan.stages if stage.state == "done"]
    typer.echo(f"{len(done)} of {len(plan.stages)} stages are done")
    models = [stage for stage in done if stage.kind in ("expert", "merge", "align")]
    if models:
        typer.echo(f"last checkpoint: {models[-1].place}")


def _tokens(stage: Planned) -> str:
    tokens = stage.tokens if stage.kind == "corpus" else stage.estimate.tokens
    return "-" if tokens is None else _short(tokens)


def _short(number: float) -> str:
    for size, unit in ((1e9, " B"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return f"{number:.0f}"


def _bytes(number: int | None) -> str:
    if number is None:
        return "-"
    return f"{number / 1e9:.1f} GB" if number >= 1e8 else f"{number / 1e6:.1f} MB"


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2f}"


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
