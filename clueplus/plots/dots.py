"""A dot plot: one score with its interval a row, on an axis from 0 to 100, with marks to compare it with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clueplus.plots.svg import figure, number, text

_ROW = 24
_TOP = 8
_AXIS = 34
_LABELS = 150
_WIDTH = 640
_PLOT = _WIDTH - _LABELS - 84


class Dot(NamedTuple):
    """One row; numbers in percent, None where there is none. `mark` is another score to compare with."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    mark: float | None = None
    reason: str | None = None


def dot_plot(rows: Sequence[Dot], *, title: str, mark: str) -> str:
    """The plot as one `<svg>` element with a text alternative.

    Args:
        rows: from top to bottom.
        title: what is plotted.
        mark: what the rows' marks are, for the legend and the text alternative.
    """
    bottom = _TOP + _ROW * len(rows)
    parts = [_gridline(tick, bottom) for tick in range(0, 101, 20)]
    parts += [part for place, row in enumerate(rows) for part in _row(row, _TOP + _ROW * place + _ROW / 2)]
    parts.append(
        f'<text x="{_WIDTH}" y="{bottom + 30}" text-anchor="end" font-size="11">| {text(mark)}</text>'
        f'<text x="{_LABELS}" y="{bottom + 30}" font-size="11">● score, 95% interval</text>'
    )
    return figure(_WIDTH, bottom + _AXIS, parts, title=title, words=describe(rows, mark), kind="dots")


def describe(rows: Sequence[Dot], mark: str) -> str:
    """The plot in words."""
    return "; ".join(f"{row.label}: {_words(row, mark)}" for row in rows) + "."


def _words(row: Dot, mark: str) -> str:
    if row.value is None:
        return f"no score ({row.reason or 'unknown'})"
    words = [f"{row.value:.1f}"]
    if row.low is not None and row.high is not None:
        words.append(f"interval {row.low:.1f} to {row.high:.1f}")
    if row.mark is not None:
        words.append(f"{mark} {row.mark:.1f}")
    return ", ".join(words)


def _at(value: float) -> str:
    return number(_LABELS + max(0.0, min(100.0, value)) / 100 * _PLOT)


def _gridline(tick: int, bottom: int) -> str:
    at = _at(tick)
    return (
        f'<path d="M{at} {_TOP}V{bottom}" stroke="currentColor" stroke-opacity="0.15"/>'
        f'<text x="{at}" y="{bottom + 14}" font-size="11" text-anchor="middle">{tick}</text>'
    )


def _row(row: Dot, y: float) -> list[str]:
    at = number(y)
    base = number(y + 4)
    parts = [f'<text x="0" y="{base}">{text(_short(row.label))}</text>']
    if row.mark is not None:
        parts.append(
            f'<path class="mark" d="M{_at(row.mark)} {number(y - 7)}v14" stroke="currentColor" stroke-width="1.5"/>'
        )
    if row.value is None:
        return [*parts, f'<text x="{_LABELS}" y="{base}" font-size="11" opacity="0.75">no score</text>']
    if row.low is not None and row.high is not None:
        parts.append(
            f'<path class="interval" d="M{_at(row.low)} {at}H{_at(row.high)}" stroke="#0072b2" stroke-width="2"/>'
        )
    parts.append(f'<circle class="dot" cx="{_at(row.value)}" cy="{at}" r="4.5" fill="#0072b2"/>')
    parts.append(f'<text x="{_WIDTH}" y="{base}" text-anchor="end">{row.value:.1f}{_half(row)}</text>')
    return parts


def _half(row: Dot) -> str:
    return "" if row.low is None or row.high is None else f" ±{(row.high - row.low) / 2:.1f}"


def _short(label: str) -> str:
    return label if len(label) <= 22 else f"{label[:21]}…"
