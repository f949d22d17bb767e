"""What a person sees of a synthesis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from clueplus.cli.console import ConsoleReporter

if TYPE_CHECKING:
    from clueplus.training.synthesis.order import Progress

_MOST_REASONS = 8


class SynthReporter(ConsoleReporter):
    """Progress on standard error: rows, rate, rejects, tokens a second, cost."""

    noun = "rows"

    def rows(self, state: Progress) -> None:
        """Moves the bar."""
        made, seconds = state.done - state.before, state.seconds
        rate = f"{made / seconds:.1f}/s, {state.tokens / seconds:.0f} tokens/s" if seconds else ""
        parts = [f"{state.before} were there"] if state.before else []
        parts += [f"cost {state.cost:.2f}"] if state.cost is not None else []
        rejected = state.tally.rejected_rows.total()
        parts += [f"{rejected} rejected"] if rejected else []
        parts += [f"[red]{state.failed_rows} failed[/]"] if state.failed_rows else []
        self.move(state.done + state.failed_rows, rate, ", ".join(parts))


class FilterReporter:
    """How far a filter is, on standard error."""

    def __enter__(self) -> FilterReporter:
        self._status = Console(stderr=True).status("reading")
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def progress(self, read: int, kept: int) -> None:
        """Tells of rows read and kept."""
        self._status.update(f"{read} rows read, {kept} kept")


def show_filtered(report: dict[str, Any], out: Path) -> None:
    """What was kept and why the rest was not, on standard output."""
    typer.echo(f"{report['kept']} of {report['read']} rows: {out}")
    for reason, count in report["dropped"].items():
        typer.echo(f"  dropped: {count} x {reason}")
    if report["left"]:
        typer.echo(f"  {report['left']} more would do")
    unchecked = [f"{split['task']} ({split['variant']})" for split in report["test_splits"] if split["unchecked"]]
    if unchecked:
        typer.echo(f"  not compared with {len(unchecked)} test splits that are not here: {', '.join(unchecked)}")


def show_preferences(report: dict[str, Any], out: Path) -> None:
    """What was kept and why the rest was not, on standard output."""
    typer.echo(f"{report['kept']} preference pairs of {report['instructions']} instructions: {out}")
    for what in ("rejected", "failed", "not_chosen"):
        for reason, count in report[what].items():
            typer.echo(f"  {what.replace('_', ' ')}: {count} x {reason}")
    if report["cost"] is not None:
        typer.echo(f"  cost: {report['cost']:.2f}")


def show_status(summary: dict[str, Any]) -> None:
    """Counts, reasons, tokens and cost, on standard output."""
    rows, pairs, synth = summary["rows"], summary["pairs"], summary["synthesis"]
    typer.echo(f"{synth['recipe']} by {synth['model']}, seed {synth['seed']}: {synth['folder']}")
    typer.echo(f"{rows['finished']} of {rows['wanted']} rows are finished, {rows['kept']} kept; {pairs['kept']} pairs")
    for what, reasons in (
        ("rejected row", rows["rejected"]),
        ("rejected pair", pairs["rejected"]),
        ("unreadable judgement", pairs["unreadable_scores"]),
        ("failed request", summary["failures"]),
    ):
        for reason, count in [*reasons.items()][:_MOST_REASONS]:
            typer.echo(f"  {what}: {count} x {reason}")
        if len(reasons) > _MOST_REASONS:
            typer.echo(f"  {what}: {len(reasons) - _MOST_REASONS} more reasons, see --json")
    if pairs["unscored"]:
        typer.echo(f"  {pairs['unscored']} pairs have no scores")
    for stage, usage in summary["usage"].items():
        tokens = f"{usage['prompt_tokens']} + {usage['completion_tokens']} tokens"
        untold = f" ({usage['untold']} without a count)" if usage["untold"] else ""
        typer.echo(f"  {stage}: {usage['answers']} answers, {tokens}{untold}")
    rate = summary["rate"]
    if rate["rows_per_second"] is not None:
        typer.echo(f"  {rate['rows_per_second']:.1f} rows/s, {rate['tokens_per_second']:.0f} tokens/s")
    if summary["cost"] is not None:
        typer.echo(f"  cost: {summary['cost']:.2f}")
