"""A task's card, from Markdown to HTML."""

from __future__ import annotations

from functools import lru_cache

from markdown_it import MarkdownIt
from markupsafe import Markup

from clueplus.registry import TaskSpec


def card_html(spec: TaskSpec) -> Markup | None:
    """The card without its first heading; None where the task has none. HTML in it is shown as text."""
    try:
        text = (spec.folder / "README.md").read_text(encoding="utf-8")
    except OSError:
        return None
    body = text.partition("\n")[2] if text.startswith("# ") else text
    return Markup(_parser().render(body))  # noqa: S704 - the parser escapes HTML and refuses script links


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")
