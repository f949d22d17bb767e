"""Several measures of the same things in order, one panel a measure: what stands out is seen at once."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_WIDTH, _PANEL, _GAP = 640, 70, 40
_LEFT, _RIGHT = 56, 632


class Series(NamedTuple):
    """One measure; None where a thing has no value.

    `limits` are the ends of its axis, at which values beyond them stand; None takes the least and the largest value.
    """

    label: str
    values: Sequence[float | None]
    limits: tuple[float, float] | None = None


def series_plot(names: Sequence[str], series: Sequence[Series], *, title: str) -> str:
    """The plot as one `<svg>` element with a text alternative; each dot tells its name and value when pointed at.

    Args:
        names: of the things, from left to right.
        series: the measures, from top to bottom; one without any value has no panel.
        title: what is plotted.
    """
    shown = [one for one in series if any(value is not None for value in one.values)]
    height = max(1, len(shown)) * (_PANEL + _GAP)
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"'
    parts = [part for at, one in enumerate(shown) for part in _panel(names, one, 20 + at * (_PANEL + _GAP))]
    look = 'class="series" font-family="system-ui, sans-serif" font-size="12" fill="currentColor"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} {look}>'
    alternative = f"<title>{_text(title)}</title><desc>{_text(describe(names, series))}</desc>"
    return "\n".join([head, alternative, *parts, "</svg>"])


def describe(names: Sequence[str], series: Sequence[Series]) -> str:
    """The plot in words: range and median of each measure, and where its lowest value is."""
    return "; ".join(f"{one.label}: {_words(names, one)}" for one in series) + "."


def _words(names: Sequence[str], one: Series) -> str:
    known = [(value, name) for value, name in zip(one.values, names, strict=True) if value is not None]
    if not known:
        return "no values"
    values = [value for value, _ in known]
    lowest, name = min(known)
    return f"from {_number(lowest)} ({name}) to {_number(max(values))}, median {_number(statistics.median(values))}"


def _panel(names: Sequence[str], one: Series, top: int) -> list[str]:
    known = [value for value in one.values if value is not None]
    low, high = one.limits or (min(known), max(known))
    step = (_RIGHT - _LEFT) / max(1, len(names) - 1)
    parts = [f'<text x="0" y="{top - 6}">{_text(one.label)}</text>']
    for place, value in ((top + 6, high), (top + _PANEL - 6, low)):
        parts.append(
            f'<path d="M{_LEFT} {place}H{_RIGHT}" stroke="currentColor" stroke-opacity="0.2"/>'
            f'<text x="{_LEFT - 6}" y="{place + 4}" font-size="10" text-anchor="end">{_number(value)}</text>'
        )
    for at, (name, number) in enumerate(zip(names, one.values, strict=True)):
        if number is not None:
            share = min(1.0, max(0.0, (high - number) / (high - low))) if high > low else 0.0
            x, y = _LEFT + at * step, top + 6 + share * (_PANEL - 12)
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="#0072b2">'
                f"<title>{_text(name)}: {_number(number)}</title></circle>"
            )
    return parts


def _number(value: float) -> str:
    return f"{value:.6g}"


def _text(text: str) -> str:
    """Text as XML can hold it: markup escaped, control and direction characters replaced."""
    return escape("".join(c if c.isprintable() else "\ufffd" for c in text))
