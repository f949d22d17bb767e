"""What a person sees of a verdict, a calibration and a history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from clueplus.cli.shared import print_columns
from clueplus.comparison.wording import points
from clueplus.gate.writers.rows import HEADINGS, LEGEND, row

if TYPE_CHECKING:
    from clueplus.gate.calibration import Calibration
    from clueplus.gate.history import Drift
    from clueplus.gate.verdict import Verdict

_STATUS = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow", "NOT COMPARABLE": "bold magenta"}
_EFFECT = {"fail": "red", "hold": "yellow", "warn": "yellow", "none": ""}
_WIDTH = 140
_TEXT_COLUMNS = (0, 1, len(HEADINGS) - 1)


def show_verdict(verdict: Verdict) -> None:
    """The verdict, the table, and what a reader must know, on standard output."""
    console = Console()
    style = _STATUS[verdict.status]
    _say(console, f"[{style}]{verdict.status}[/]  {escape(verdict.candidate.source)}")
    _say(console, f"against {escape(verdict.baseline.source)}, {verdict.evidence}, alpha {verdict.alpha:g} one-sided")
    _list(console, verdict.reasons, style.removeprefix("bold "))
    differences = list(verdict.differences())
    if differences:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for number, heading in enumerate(HEADINGS):
            table.add_column(heading, justify="left" if number in _TEXT_COLUMNS else "right", no_wrap=True)
        for found in differences:
            table.add_row(*map(escape, row(found)), style=_EFFECT[found.effect])
        console.print()
        # A cell cut to fit a narrow terminal, or a log, would be a wrong number: lines wrap instead.
        Console(width=max(console.width, _WIDTH)).print(table)
        _say(console, LEGEND, style="dim")
    _list(console, [f"{f.task}: {f.advice}" for f in differences if f.advice and f.effect == "hold"], "cyan")
    _list(console, [check.text for check in verdict.checks if check.standing != "holds"], "yellow")
    _list(console, verdict.warnings, "yellow")
    changes = [f"policy: {c.where} {c.before} -> {c.after}, {c.effect}" for c in verdict.policy.changes]
    reasons = [f" ({c.reason})" if c.reason else "" for c in verdict.policy.changes]
    _list(console, [change + reason for change, reason in zip(changes, reasons, strict=True)], "cyan")


def show_calibration(found: Calibration, out: Path | None) -> None:
    """The false-alarm rate and the noise of each task, on standard output."""
    console = Console()
    counts = ", ".join(f"{count} {status}" for status, count in found.verdicts.items())
    interval = f"{100 * found.low:.1f}-{100 * found.high:.1f}%"
    _say(console, f"{len(found.runs)} runs, {found.pairs} pairs: {counts}")
    _say(console, f"false alarms {100 * found.rate:.1f}% (exact 95% interval {interval})")
    rows = [
        (m.task, *(f"{100 * value:.2f}" for value in (min(m.scores), max(m.scores), m.deviation, m.largest)))
        for m in found.movements
    ]
    print_columns(("task", "lowest", "highest", "sd", "largest difference"), rows)
    _list(console, [f"{name} has no score in some run: its noise is unknown" for name in found.unmeasured], "yellow")
    if out is not None:
        _say(console, f"policy: {escape(str(out))}")


def show_history(verdicts: Sequence[Verdict], drifts: Sequence[Drift], paired: Verdict | None) -> None:
    """The verdicts, oldest first, and the drift of the chain that leads to the newest, on standard output."""
    rows = [
        (
            f"{verdict.created:%Y-%m-%d %H:%M}",
            verdict.status,
            verdict.baseline.run or verdict.baseline.source,
            verdict.candidate.run or verdict.candidate.source,
            points(verdict.average.difference if verdict.average else None),
        )
        for verdict in verdicts
    ]
    print_columns(("when", "verdict", "baseline", "candidate", "average"), rows)
    console = Console()
    styles = {"drifted": "red", "watch": "yellow", "steady": "green", "unknown": "magenta"}
    for drift in drifts:
        _say(console, f"  [{styles[drift.standing]}]{drift.standing}[/] {escape(drift.text)}")
    if paired is not None:
        _say(console, f"newest against the anchor, item by item: {escape(paired.headline)}")


def _list(console: Console, lines: Iterable[str], style: str) -> None:
    for line in lines:
        _say(console, f"  [{style}]-[/] {escape(line)}")


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, highlight=False, soft_wrap=True, style=style)
