"""The token that a checkpoint's chat template writes after an answer, found without loading a tokenizer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_ANSWERS = ("Yes", "No")
# Marks the assistant's words for training; it writes nothing.
_GENERATION = re.compile(r"\{%(-?)\s*(?:end)?generation\s*(-?)%\}")


def end_token(folder: Path) -> int | None:
    """The id of the special token that closes an assistant's turn, None where none is found.

    Args:
        folder: with tokenizer_config.json, tokenizer.json and perhaps chat_template.jinja.
    """
    config = _json(folder / "tokenizer_config.json")
    template = _template(folder, config)
    special = _special_tokens(folder)
    if template is None or not special:
        return None
    after = [_after(template, config, answer) for answer in _ANSWERS]
    if after[0] is None or after[0] != after[1]:
        return None
    text = after[0].lstrip()
    found = [token for token in special if token and text.startswith(token)]
    return special[max(found, key=len)] if found else None


def _template(folder: Path, config: dict[str, Any]) -> str | None:
    file = folder / "chat_template.jinja"
    template = file.read_text(encoding="utf-8") if file.is_file() else config.get("chat_template")
    if isinstance(template, list):  # several by name
        template = next((entry.get("template") for entry in template if entry.get("name") == "default"), None)
    return template if isinstance(template, str) else None


def _after(template: str, config: dict[str, Any], answer: str) -> str | None:
    """What the template writes behind an assistant's words."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # An empty statement keeps the tag's trimming of white space.
    template = _GENERATION.sub(r"{%\1 if true \2%}{%\1 endif \2%}", template)
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(raise_exception=_refuse, strftime_now=lambda _: "")
    tokens = {key: _content(config.get(key)) for key in ("bos_token", "eos_token", "pad_token", "unk_token")}
    messages = [{"role": "user", "content": "Is it?"}, {"role": "assistant", "content": answer}]
    try:
        text = environment.from_string(template).render(messages=messages, add_generation_prompt=False, **tokens)
    except (TemplateError, TypeError, ValueError, KeyError):
        return None
    _, found, rest = text.rpartition(answer)
    return rest if found else None


def _refuse(message: str) -> str:
    from jinja2 import TemplateError

    raise TemplateError(message)


def _content(token: Any) -> str:
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")


def _special_tokens(folder: Path) -> dict[str, int]:
    added = _json(folder / "tokenizer.json").get("added_tokens", [])
    decoder = _json(folder / "tokenizer_config.json").get("added_tokens_decoder", {})
    found = {entry["content"]: int(entry["id"]) for entry in added if "content" in entry}
    return found | {entry["content"]: int(number) for number, entry in decoder.items() if "content" in entry}


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
