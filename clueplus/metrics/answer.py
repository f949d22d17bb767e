"""What every parser of answers does first: leave the reasoning out, and take the markup off."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"</?(?:[a-z]|\w{2,20})>|\\[A-Za-z]{1,20}|[*_`\"{}$#\\]|(?<!\w)'|'(?!\w)")
_PLAIN = str.maketrans("‐‑–—−‘’", "-----''") | {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # full width


def after_thinking(answer: str) -> str:
    """The answer after its last `</think>`, up to a `<think>` that never ends."""
    return answer.rpartition("</think>")[2].partition("<think>")[0]


def plain(answer: str) -> str:
    """The answer after its reasoning, in plain characters, without markup, extra spaces and empty lines."""
    text = after_thinking(answer).translate(_PLAIN)
    lines = (" ".join(line.split()) for line in _MARKUP.sub(" ", text).splitlines())
    return "\n".join(line for line in lines if line)
