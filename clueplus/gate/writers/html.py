"""The verdict as one static page: no script, nothing from elsewhere, a forest plot in it."""

from __future__ import annotations

from clueplus.comparison.render import markup, render
from clueplus.comparison.wording import plain
from clueplus.gate.verdict import Check, Verdict
from clueplus.gate.writers.rows import HEADINGS, LEGEND, mark, row, tally
from clueplus.plots.forest import Row, forest


def to_html(verdict: Verdict) -> str:
    """A page that opens from a file; its content security policy allows its own style and nothing else."""
    differences, changes = list(verdict.differences()), verdict.policy.changes
    return render(
        "gate.html",
        verdict=verdict,
        forest=markup(_plot(verdict)),
        headings=HEADINGS,
        words=[0, 1, len(HEADINGS) - 1],
        differences=[(f.task, f.effect, tuple(map(plain, row(f)))) for f in differences],
        legend=LEGEND,
        advice=[f"{f.task}: {f.advice}" for f in differences if f.advice],
        tally=tally(verdict.checks),
        checks=[_check(check) for check in verdict.checks],
        changes=[(c.where, "none", (c.where, c.before, c.after, c.effect, c.reason or "")) for c in changes],
    )


def _check(check: Check) -> tuple[str, str, tuple[str, ...]]:
    name = f"{check.kind} of {plain(check.subject)}"
    return name, check.effect, (name, mark(check), plain(check.text))


def _plot(verdict: Verdict) -> str:
    rows = [
        Row(found.task, _points(found.difference), _points(found.low), _points(found.high), strong=found.tier is None)
        for found in verdict.differences()
    ]
    title = f"Candidate less baseline, with one-sided bounds at {verdict.alpha:g} each"
    return forest(rows, title=title, unit="points", below="worse", above="better")


def _points(value: float | None) -> float | None:
    return None if value is None else 100 * value
