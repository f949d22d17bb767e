"""A task's card, from Markdown to HTML."""

from __future__ import annotations

from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from clueplus.registry import TaskSpec


def card_html(spec: TaskSpec) -> Markup | None:
    """The card without its first heading; None where the task has none. HTML in it is shown as text."""
    try:
        text = (spec.folder / "README.md").read_text(encoding="utf-8")
    except OSError:
        return None
    body = text.partition("\n")[2] if text.startswith("# ") else text
    parser = _parser()
    tokens = parser.parse(body)
    for token in tokens:
        # The parser aligns columns by a style attribute, which the pages' policy forbids.
        if token.attrs.pop("style", None) == "text-align:right":
            token.attrs["class"] = "right"
        token.children = token.children and _without_dead_links(token.children)
    html = parser.renderer.render(tokens, parser.options, {})
    return Markup(html)  # noqa: S704 - the parser escapes HTML and refuses script links


def _without_dead_links(tokens: list[Token]) -> list[Token]:
    """The text of links to files of the repository, which the site does not hold; other links stay."""
    kept, dead = [], False
    for token in tokens:
        if token.type == "link_open":
            dead = not str(token.attrs.get("href", "")).startswith(("https://", "http://", "#"))
        if not (dead and token.type in ("link_open", "link_close")):
            kept.append(token)
    return kept


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")
