"""The small bar of a table's cell: an interval, its score and a mark, on a line from 0 to 100."""

from __future__ import annotations

from clueplus.plots.svg import number


def interval_bar(value: float, low: float | None, high: float | None, mark: float | None) -> str:
    """One `<svg>` element, 100 by 8 units; the numbers stand in the cell, so it is hidden from who listens.

    Args:
        value: the score in percent.
        low: the interval's lower end, or None.
        high: its upper end, or None.
        mark: another score, shown as a thin upright line, or None.
    """
    line = f"M{_at(low)} 4H{_at(high)}" if low is not None and high is not None else ""
    tick = f'<path class="m" d="M{_at(mark)} 0V8"/>' if mark is not None else ""
    dot = f'<circle cx="{_at(value)}" cy="4" r="3"/>'
    return f'<svg viewBox="0 0 100 8" aria-hidden="true"><path d="{line}"/>{tick}{dot}</svg>'


def _at(value: float) -> str:
    return number(round(max(0.0, min(100.0, value)), 1))
