"""Pages that need nothing else: a template and a style of ours, no script, no request."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from clueplus.registry import content_folder


def render(template: str, **values: Any) -> str:
    """The page that a template of the `leaderboard` folder makes of values, which it escapes.

    The template also gets the style sheet and its hash, which is all that its content security policy allows.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = content_folder("leaderboard")
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (folder / "page.css").read_text(encoding="utf-8")
    digest = "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template(template).render(style=markup(style), style_hash=digest, **values)


def markup(text: str) -> Any:
    """Text that is markup already: a style sheet, or a plot, which escapes its labels."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - never the text of others
