"""One number over time, as a line of dots whose shapes tell what was decided about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clueplus.plots.svg import figure, number, text

_WIDTH, _HEIGHT = 640, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 620, 12, 150
_SHAPES = {
    "good": '<circle class="better" cx="{x}" cy="{y}" r="5" fill="#0072b2"/>',
    "bad": '<rect class="worse" x="{left}" y="{upper}" width="10" height="10" fill="#d55e00"/>',
    "open": '<path class="unsure" d="M{x} {upper}l5 5l-5 5l-5-5Z" fill="none" stroke="currentColor"/>',
    "none": '<circle cx="{x}" cy="{y}" r="3.5" fill="currentColor"/>',
}


class Point(NamedTuple):
    """One point: a value in percent (None: none was measured), its label, and what was decided of it.

    `mark` is "good" (a filled circle), "bad" (a square), "open" (a diamond) or "none" (a small dot).
    """

    label: str
    value: float | None
    mark: str = "none"
    words: str = ""


def trend(points: Sequence[Point], *, title: str) -> str:
    """The plot as one `<svg>` element with a text alternative.

    Args:
        points: oldest first, at equal steps.
        title: what is plotted.
    """
    values = [point.value for point in points if point.value is not None]
    low, high = _range(values)
    step = (_RIGHT - _LEFT - 40) / max(len(points) - 1, 1)
    places = [
        (point, _LEFT + 20 + step * at, _BOTTOM - (point.value - low) / (high - low) * (_BOTTOM - _TOP))
        for at, point in enumerate(points)
        if point.value is not None
    ]
    line = "L".join(f"{number(x)} {number(y)}" for _, x, y in places)
    parts = [_gridline(tick, low, high) for tick in (low, (low + high) / 2, high)]
    parts.append(f'<path d="M{line}" fill="none" stroke="currentColor" stroke-opacity="0.5" stroke-width="1.5"/>')
    parts += [_shape(point.mark, x, y) for point, x, y in places]
    parts += [
        f'<text x="{number(x)}" y="{_BOTTOM + 18}" font-size="11" text-anchor="middle">{text(point.label)}</text>'
        for point, x, _ in (places if len(places) < 8 else [places[0], places[-1]])
    ]
    parts.append(
        f'<text x="{_LEFT}" y="{_HEIGHT - 4}" font-size="11">● passed  ■ failed  ◇ inconclusive  · no verdict</text>'
    )
    return figure(_WIDTH, _HEIGHT, parts, title=title, words=describe(points), kind="trend")


def describe(points: Sequence[Point]) -> str:
    """The plot in words."""
    return (
        "; ".join(
            f"{point.label}: {'no score' if point.value is None else f'{point.value:.1f}'}"
            + (f", {point.words}" if point.words else "")
            for point in points
        )
        + "."
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Whole fives around the values."""
    if not values:
        return 0.0, 100.0
    low, high = 5.0 * (min(values) // 5), 5.0 * (max(values) // 5 + 1)
    return low, high


def _gridline(tick: float, low: float, high: float) -> str:
    y = number(_BOTTOM - (tick - low) / (high - low) * (_BOTTOM - _TOP))
    return (
        f'<path d="M{_LEFT} {y}H{_RIGHT}" stroke="currentColor" stroke-opacity="0.15"/>'
        f'<text x="{_LEFT - 6}" y="{y}" dy="4" font-size="11" text-anchor="end">{number(tick)}</text>'
    )


def _shape(mark: str, x: float, y: float) -> str:
    return _SHAPES[mark].format(x=number(x), y=number(y), left=number(x - 5), upper=number(y - 5))
