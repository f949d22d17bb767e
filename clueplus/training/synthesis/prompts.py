"""Prompts of a recipe: Jinja templates, compiled once, in which an unknown name is an error."""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import SandboxedEnvironment


@lru_cache(maxsize=1)
def _environment() -> SandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    # Prompts are plain text; and a recipe is a file that people pass on, so that its templates get no more than names.
    return SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@lru_cache(maxsize=16)
def _compiled(prompt: str) -> Template:
    return _environment().from_string(prompt)


def render(prompt: str, variables: Mapping[str, Any]) -> str:
    """A prompt with its variables filled in."""
    return _compiled(prompt).render(variables).strip()


def unknown_variables(prompt: str, known: Set[str]) -> list[str]:
    """The names that a prompt uses and nothing gives.

    Raises:
        ValueError: it is no template.
    """
    from jinja2 import TemplateSyntaxError, meta

    try:
        return sorted(meta.find_undeclared_variables(_environment().parse(prompt)) - known)
    except TemplateSyntaxError as error:
        raise ValueError(f"a prompt is no Jinja template: {error.message} (its line {error.lineno})") from error
