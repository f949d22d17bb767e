"""What every plot shares: text that XML can hold, and the frame with its text alternative."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def figure(width: int, height: int, parts: Iterable[str], *, title: str, words: str, kind: str) -> str:
    """One `<svg>` element in the colours of its surroundings, with a text alternative.

    Args:
        width: in units of the view box, about pixels.
        height: as `width`.
        parts: elements.
        title: what is plotted.
        words: the plot in words, every number that it shows.
        kind: the class for a page's style.
    """
    look = f'class="plot {kind}" font-family="system-ui, sans-serif" font-size="12" fill="currentColor"'
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    alternative = f"<title>{text(title)}</title><desc>{text(words)}</desc>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} {look}>'
    return "\n".join([head, alternative, *parts, "</svg>"])


def text(content: str) -> str:
    """Text as XML can hold it: markup escaped, control and direction characters replaced."""
    return escape("".join(c if c.isprintable() else "\ufffd" for c in content))


def number(value: float) -> str:
    """A coordinate with two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
