"""A forest plot: one interval a row on a common axis, as SVG that a page can hold or a reader can open by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_ROW = 38
_TOP = 6
_LABEL = 13  # baseline of a row's text, below its top
_MARK = 25  # centre of a row's interval, below its top
_AXIS = 46
_LEFT, _RIGHT = 4.0, 96.0  # percent of the width between which values are drawn
_STEPS = (1, 2, 5, 10)
_MOST_TICKS = 8
_MOST_CHARACTERS = 24

# Okabe and Ito's blue and vermilion stay apart for every kind of colour blindness, and shapes tell the same. A page may
# set other colours by class.
_STYLES = {
    "better": 'class="better" fill="#0072b2" stroke="#0072b2"',
    "worse": 'class="worse" fill="#d55e00" stroke="#d55e00"',
    "unsure": 'class="unsure" fill="#fff" stroke="currentColor"',
}
_SHAPES = {"better": "M0-5A5 5 0 1 1 0 5A5 5 0 1 1 0-5Z", "worse": "M-5-5H5V5H-5Z", "unsure": "M0-5L5 0L0 5L-5 0Z"}


class Row(NamedTuple):
    """One line of the plot; numbers are in the unit of the axis, None where there is no value or no interval.

    `strong` rows stand apart: a mean under its parts.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    strong: bool = False


def forest(rows: Sequence[Row], *, title: str, unit: str, below: str, above: str) -> str:
    """The plot as one `<svg>` element, as wide as its surroundings, with a text alternative.

    Widths are percent and text keeps its size, so that the same plot can be read on a telephone. Rows whose interval
    lies above zero are filled circles, below zero squares, others open diamonds.

    Args:
        rows: from top to bottom.
        title: what is plotted; the title of the text alternative.
        unit: of the values, for the axis and the text alternative.
        below: what a value below zero means, as few words as possible; `above` the same for one above.
        above: see `below`.
    """
    scale = _Scale(rows)
    height = _TOP + _ROW * len(rows) + _AXIS
    bottom = height - _AXIS
    look = 'class="forest" font-family="system-ui, sans-serif" font-size="13" fill="currentColor"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="100%" height="{height}" {look}>',
        f"<title>{_text(title)}</title><desc>{_text(describe(rows, unit))}</desc>",
        *(_gridline(scale, tick, bottom) for tick in scale.ticks),
        *(part for number, row in enumerate(rows) for part in _row(scale, row, _TOP + _ROW * number)),
        f'<text x="0" y="{bottom + 36}" font-size="12">&#8592; {_text(below)}</text>',
        f'<text x="100%" y="{bottom + 36}" font-size="12" text-anchor="end">{_text(above)} &#8594;</text>',
        f'<text x="50%" y="{bottom + 36}" font-size="12" text-anchor="middle" class="unit">{_text(unit)}</text>',
        "</svg>",
    ]
    return "\n".join(parts)


def describe(rows: Sequence[Row], unit: str) -> str:
    """The plot in words: every number that it shows."""
    return "; ".join(f"{row.label}: {_words(row, unit)}" for row in rows) + "."


def _words(row: Row, unit: str) -> str:
    if row.value is None:
        return "no value"
    interval = (
        "no interval" if row.low is None or row.high is None else f"interval {_signed(row.low)} to {_signed(row.high)}"
    )
    return f"{_signed(row.value)} {unit}, {interval}"


class _Scale:
    """From values to percent of the width; zero is always on it, with round ticks around every interval."""

    def __init__(self, rows: Sequence[Row]) -> None:
        values = [number for row in rows for number in (row.value, row.low, row.high) if number is not None]
        low, high = min([0.0, *values]), max([0.0, *values])
        if low == high:
            low, high = -1.0, 1.0
        step = _step((high - low) / _MOST_TICKS)
        self.first, self.last = math.floor(low / step), math.ceil(high / step)
        self.step = step
        self.ticks = [step * number for number in range(self.first, self.last + 1)]

    def at(self, value: float) -> float:
        """The place of a value, in percent."""
        share = (value / self.step - self.first) / (self.last - self.first)
        return round(_LEFT + share * (_RIGHT - _LEFT), 3)


def _step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in _STEPS if step * power >= least * (1 - 1e-9))


def _gridline(scale: _Scale, tick: float, bottom: int) -> str:
    at = scale.at(tick)
    look = 'class="zero" stroke-opacity="0.8"' if tick == 0 else 'class="grid" stroke-opacity="0.15"'
    return (
        f'<line x1="{at}%" x2="{at}%" y1="{_TOP}" y2="{bottom}" stroke="currentColor" {look}/>'
        f'<text x="{at}%" y="{bottom + 16}" font-size="11" text-anchor="middle" class="tick">{_number(tick)}</text>'
    )


def _row(scale: _Scale, row: Row, top: int) -> list[str]:
    weight = ' font-weight="600"' if row.strong else ""
    shown = "no value" if row.value is None else _signed(row.value)
    if row.value is not None and row.low is not None and row.high is not None:
        shown += f" ({_signed(row.low)} to {_signed(row.high)})"
    parts = [
        f'<text x="0" y="{top + _LABEL}"{weight}>{_text(_shortened(row.label))}</text>',
        f'<text x="100%" y="{top + _LABEL}" text-anchor="end"{weight}>{shown}</text>',
    ]
    if row.value is None:
        return parts
    kind = _kind(row)
    y = top + _MARK
    if row.low is not None and row.high is not None:
        width = 4 if row.strong else 2
        parts.append(
            f'<line x1="{scale.at(row.low)}%" x2="{scale.at(row.high)}%" y1="{y}" y2="{y}" stroke-width="{width}"'
            f" {_STYLES[kind]}/>"
        )
    # A nested drawing is the one way to put a shape of fixed size at a place in percent.
    parts.append(
        f'<svg x="{scale.at(row.value)}%" y="{y}" width="1" height="1" overflow="visible">'
        f'<path d="{_SHAPES[kind]}" stroke-width="1.5" {_STYLES[kind]}/></svg>'
    )
    return parts


def _shortened(label: str) -> str:
    """A label that leaves room for the numbers on a narrow screen; the text alternative has all of it."""
    return label if len(label) <= _MOST_CHARACTERS else label[: _MOST_CHARACTERS - 1] + "\u2026"


def _kind(row: Row) -> str:
    if row.low is not None and row.low > 0:
        return "better"
    return "worse" if row.high is not None and row.high < 0 else "unsure"


def _signed(value: float) -> str:
    text = f"{value:+.1f}"
    return "0.0" if float(text) == 0 else text


def _number(tick: float) -> str:
    return f"{tick:+.6g}" if tick else "0"


def _text(text: str) -> str:
    """Text as XML can hold it: markup escaped, control and direction characters replaced."""
    return escape("".join(c if c.isprintable() else "\ufffd" for c in text))
