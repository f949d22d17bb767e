"""The words and numbers that all writers for people show alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from clueplus.comparison.wording import NONE, p_value, percent, points
from clueplus.gate.verdict import Check, Difference

HEADINGS = ("", "tier", "baseline", "candidate", "difference", "at least", "allowed", "Holm p", "power", "finds", "")


def row(found: Difference) -> tuple[str, ...]:
    """One difference under HEADINGS; scores, bounds and margins in points."""
    return (
        found.task,
        found.tier or "",
        percent(found.baseline),
        percent(found.candidate),
        points(found.difference),
        points(found.low),
        percent(found.margin),
        p_value(found.p_adjusted),
        share(found.power),
        ">100" if found.detectable is not None and found.detectable > 1 else percent(found.detectable),
        mark(found),
    )


def mark(found: Difference | Check) -> str:
    """The standing, with what it does to the verdict where it does something."""
    notes = {"fail": " (blocks)", "hold": " (holds back)", "warn": " (warning)", "none": ""}
    return f"{found.standing}{notes[found.effect]}"


def tally(checks: Sequence[Check]) -> str:
    """How many promises hold and how many do not: most are limits that hold, which nobody wants to read."""
    counts = Counter(check.standing for check in checks)
    return ", ".join(
        f"{counts[standing]} {standing}" for standing in ("broken", "undecided", "holds") if counts[standing]
    )


def share(value: float | None) -> str:
    """0.874 as "87%"; what is not certain is never "100%" or "0%"."""
    if value is None:
        return NONE
    if 0.995 <= value < 1:
        return ">99%"
    return "<1%" if 0 < value < 0.005 else f"{100 * value:.0f}%"


LEGEND = (
    "Points of 100. At least: the one-sided lower bound of the true difference. Power: the chance to show that no more "
    "than allowed was lost, if nothing had changed. Finds: the true loss that would be seen with 80% chance."
)
