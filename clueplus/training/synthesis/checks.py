"""Rules that every text must pass before anybody judges it; a reason is a word to count, without any of the text."""

from __future__ import annotations

import json
import re

from clueplus.training.synthesis.recipe import Checked

# Words that English prose cannot do without and that other languages do not have.
_ENGLISH = frozenset(
    {
        *("the", "of", "and", "to", "is", "with", "for", "that", "from", "are", "be", "by"),
        *("this", "as", "or", "your", "you", "each", "not", "it", "if", "has", "have", "when", "which"),
    }
)
_ENGLISH_SHARE = 0.12
# Shorter than this, and a share of words tells nothing: "T 38.2, HR 110" is English.
_FEWEST_WORDS = 12
_LATIN_SHARE = 0.9
_WORD = re.compile(r"[a-z]+")
_REFUSAL = re.compile(
    r"\W*(?:i(?:'|’)?m sorry|i am sorry|sorry,|i apologi[sz]e|as an ai\b|as a (?:large )?language model|"
    r"i (?:can(?:'|’)t|cannot|can not|won(?:'|’)t|am unable to|am not able to|must decline to)"
    r" (?:help|assist|provide|generate|create|fulfil|fulfill|comply|write|produce|continue)\b)",
    re.I,
)
_CONFESSION = re.compile(r"\bas an ai (?:language )?(?:model|assistant)\b", re.I)


def fault_of_instruction(instruction: str, rules: Checked) -> str | None:
    """Why an instruction is not kept, or None."""
    fault = _fault("instruction", instruction, rules)
    if fault is None and rules.language == "en" and not _is_english_prose(instruction):
        return "instruction: not English"
    return fault


def fault_of_pair(asked: str, output: str, output_format: str, rules: Checked) -> str | None:
    """Why an input with its output is not kept, or None."""
    fault = _fault("input", asked, rules) or _fault("output", output, rules)
    if fault is None and asked == output:
        return "output: repeats the input"
    if fault is None and output_format == "json" and not is_json(output):
        return "output: not JSON"
    return fault


def is_refusal(text: str) -> bool:
    """Whether a text opens with a refusal, or speaks of itself as an AI."""
    return bool(_REFUSAL.match(text) or _CONFESSION.search(text))


def is_json(text: str) -> bool:
    """Whether a text is a JSON object or list."""
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _fault(name: str, text: str, rules: Checked) -> str | None:
    fewest, most = rules.characters.get(name, (1, None))  # type: ignore[call-overload]
    if not text.strip():
        return f"{name}: empty"
    if len(text) < fewest:
        return f"{name}: too short"
    if most is not None and len(text) > most:
        return f"{name}: too long"
    if is_refusal(text):
        return f"{name}: a refusal"
    if rules.language == "en" and not _is_latin(text):
        return f"{name}: not English"
    return None


def _is_latin(text: str) -> bool:
    if text.isascii():
        return True
    letters = [character for character in text if character.isalpha()]
    return sum(character < "\u0250" for character in letters) >= _LATIN_SHARE * len(letters)


def _is_english_prose(text: str) -> bool:
    words = _WORD.findall(text.casefold())
    return len(words) < _FEWEST_WORDS or sum(word in _ENGLISH for word in words) >= _ENGLISH_SHARE * len(words)
