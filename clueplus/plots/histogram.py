"""A histogram of item scores between 0 and 100."""

from __future__ import annotations

from collections.abc import Sequence

from clueplus.plots.svg import figure, number

_WIDTH, _HEIGHT = 300, 96
_BASE = 74


def histogram(counts: Sequence[int], *, title: str) -> str:
    """The plot as one `<svg>` element with a text alternative.

    Args:
        counts: items in bins of equal width from 0 to 100; the last one includes 100.
        title: what is plotted.
    """
    most = max(counts, default=0)
    width = _WIDTH / max(len(counts), 1)
    bars = [_bar(place * width, width, count / most * (_BASE - 14)) for place, count in enumerate(counts) if count]
    axis = [
        f'<path d="M0 {_BASE}H{_WIDTH}" stroke="currentColor" stroke-opacity="0.4"/>',
        *(
            f'<text x="{at}" y="{_BASE + 14}" font-size="11" text-anchor="{anchor}">{label}</text>'
            for at, anchor, label in ((0, "start", "0"), (_WIDTH / 2, "middle", "50"), (_WIDTH, "end", "100"))
        ),
        f'<text x="0" y="10" font-size="11">most in a bin: {most:,}</text>',
    ]
    return figure(_WIDTH, _HEIGHT, [*bars, *axis], title=title, words=describe(counts), kind="histogram")


def describe(counts: Sequence[int]) -> str:
    """The plot in words; empty bins are left out."""
    step = 100 / max(len(counts), 1)
    told = [
        f"{count:,} from {number(place * step)} to {number((place + 1) * step)}"
        for place, count in enumerate(counts)
        if count
    ]
    return f"{sum(counts):,} items: {', '.join(told)}." if told else "No items."


def _bar(x: float, width: float, height: float) -> str:
    tall = max(height, 1.0)
    return (
        f'<rect class="dot" x="{number(x + 0.5)}" y="{number(_BASE - tall)}" width="{number(width - 1)}"'
        f' height="{number(tall)}" fill="#0072b2"/>'
    )
