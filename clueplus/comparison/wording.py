"""Numbers and names as every table shows them, so that no two writers tell another story."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase

from clueplus.comparison.comparison import Description
from clueplus.statistics.paired import Difference

NONE = "-"
_MARKDOWN = re.compile(r"([\\`*\[\]<>|&])")


def percent(value: float | None) -> str:
    """A score in percent."""
    return NONE if value is None else f"{100 * value:.1f}"


def points(value: float | None) -> str:
    """A difference of scores in percentage points, with its sign."""
    if value is None:
        return NONE
    text = f"{100 * value:+.1f}"
    return "0.0" if float(text) == 0 else text


def interval(difference: Difference) -> str:
    """An interval in percentage points."""
    if difference.low is None or difference.high is None:
        return NONE
    return f"{points(difference.low)} to {points(difference.high)}"


def p_value(p: float | None) -> str:
    """A p value with three places."""
    if p is None:
        return NONE
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def letters(count: int) -> list[str]:
    """What tables call the runs, in their order: A, B, C; numbers where the alphabet ends."""
    return list(ascii_uppercase[:count]) if count <= len(ascii_uppercase) else [str(n + 1) for n in range(count)]


def legend(runs: Sequence[Description]) -> list[str]:
    """Each run under its letter: the model, the run, its data."""
    return [f"{letter}  {plain(run.name)}, {told(run)}" for letter, run in zip(letters(len(runs)), runs, strict=True)]


def told(run: Description) -> str:
    """What tells a run from others of its model."""
    return f"run {plain(run.run)}, {run.variant} data"


def plain(text: str) -> str:
    """Text without control and direction characters, which could rewrite what stands around it."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def markdown(text: str) -> str:
    """Text as a cell of a Markdown table shows it, markup and all."""
    return _MARKDOWN.sub(r"\\\1", plain(text))
