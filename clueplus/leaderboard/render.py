"""Templates to pages: everything escaped, style and script inline, and a policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from clueplus.leaderboard.text import label, visible


class Renderer:
    """Renders templates of one folder; each template is compiled once.

    Args:
        folder: holds `templates/`, `style.css` and the scripts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = Environment(
            loader=FileSystemLoader(folder / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "percent": percent,
            "signed": signed,
            "label": label,
            "short_reason": short_reason,
            "visible": visible,
            "json": embedded_json,
        }
        self._files: dict[str, str] = {}

    def page(self, template: str, *, root: str = "", script: str | None = None, **values: Any) -> str:
        """A page.

        Args:
            template: its name without the ending.
            root: the way from the page to the site's root: "" or "../".
            script: the one script that the page runs, or None.
            values: what the template shows.
        """
        style = self._file("style.css")
        code = self._file(script) if script else None
        return self._environment.get_template(f"{template}.html").render(
            root=root,
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(code) if code else None,  # noqa: S704 - our own file
            policy=policy(style, code),
            **values,
        )

    def _file(self, name: str) -> str:
        if name not in self._files:
            self._files[name] = (self._folder / name).read_text(encoding="utf-8")
        return self._files[name]


def policy(style: str, script: str | None) -> str:
    """The Content-Security-Policy of a page: its own style and script by their hashes, and nothing else."""
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'" if script else "script-src 'none'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")


def embedded_json(value: Any) -> Markup:
    """JSON for a script element: no character in it can end the element or begin a comment."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704 - escaped here


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction in percent; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.{digits}f}"


def short_reason(reason: str) -> str:
    """A reason in a few words: "bertscore_f1: not computed, ..." is told as "no bertscore_f1"."""
    head, colon, _ = reason.partition(":")
    return visible(f"no {head}" if colon and " " not in head else reason, 48)


def signed(value: float | None, digits: int = 1) -> str:
    """A fraction in percent points with its sign; a dash where there is none."""
    return "–" if value is None else f"{100 * value:+.{digits}f}"


def described(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs of text for a table of facts; what is None or empty is left out."""
    return [(name, str(value)) for name, value in values.items() if value not in (None, "", [], {})]
