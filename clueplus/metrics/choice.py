"""Parsers of short answers: an option letter, a sentence number. They never raise and never guess between two."""

from __future__ import annotations

import re
from collections.abc import Sequence

# "A", "(A)", "A.", "**A**", "A: some definition", at the very start of the answer.
_LEADING_LETTER = re.compile(r"^[\s\"'`*_(\[]*([A-Za-z])(?=$|[\s\"'`*_)\].:,;-])")
# "answer is B", "Answer: (C)", "option D": the letter that the answer itself names.
_NAMED_LETTER = re.compile(
    r"\b(?:answer|option|choice|letter)\b(?:\s+(?:is|would be|should be))?\s*[:=]?\s*[\"'`*_(\[]*([A-Za-z])\b(?!')",
    re.IGNORECASE,
)
_CAPITAL = re.compile(r"(?<![A-Za-z0-9'.-])([A-Z])(?![A-Za-z0-9'-])")
# A number that is no part of a decimal, a ratio, a date or a word.
_INTEGER = re.compile(r"(?<![\w./:])-?\d+(?![\w/]|[.,:]\d)")
_NAMED_INTEGER = re.compile(
    r"\b(?:answer|sentence(?:\s+(?:id|number|no\.?))?|id)\b(?:\s+is)?\s*[:=#]?\s*[\"'`*_(\[]*(-?\d+)(?![\w/]|[.,:]\d)",
    re.IGNORECASE,
)


def parse_option(answer: str, options: Sequence[str]) -> str | None:
    """The option letter (upper case) that an answer chooses, or None when it chooses none or several.

    In this order: a letter at the very start; letters that the answer names ("the answer is B"), when they agree; a
    single capital letter anywhere, when only one valid letter occurs; the full text of exactly one option.

    Args:
        answer: the model's text.
        options: the option texts; their letters are A, B, C, ...
    """
    letters = [chr(ord("A") + index) for index in range(len(options))]
    leading = _LEADING_LETTER.match(answer)
    # A lower-case leading letter is an answer only when it stands alone: "a 45-year-old man" is not option A.
    if (
        leading
        and leading[1].upper() in letters
        and (leading[1].isupper() or not answer[leading.end() :].strip(" \n\t\"'`*_)].:,;-"))
    ):
        rest = answer[leading.end() :]
        if leading[1] != "A" or not re.match(r"\s+[a-z]", rest):
            return leading[1].upper()
    named = {m[1].upper() for m in _NAMED_LETTER.finditer(answer) if m[1].isupper() or m[1].upper() != "A"} & set(
        letters
    )
    if len(named) == 1:
        return named.pop()
    if named:
        return None
    single = {m[1] for m in _CAPITAL.finditer(answer)} & set(letters)
    if len(single) == 1:
        return single.pop()
    if single:
        return None
    return _by_text(answer, options, letters)


def _by_text(answer: str, options: Sequence[str], letters: Sequence[str]) -> str | None:
    text = " ".join(answer.casefold().split())
    matches = []
    for letter, option in zip(letters, options, strict=True):
        wanted = " ".join(option.casefold().split())
        if wanted and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", text):
            matches.append((letter, wanted))
    # An option contained in a longer one that also matches ("fracture" in "open fracture") was not what was meant.
    longest = [(a, x) for a, x in matches if not any(x != y and x in y for _, y in matches)]
    return longest[0][0] if len(longest) == 1 else None


def parse_sentence_id(answer: str) -> int | None:
    """The sentence number that an answer names, -1 for "no error", or None when it names none or several.

    In this order: an answer that starts with a number; numbers that the answer names ("sentence 4", "ID: -1"), when
    they agree; a single number anywhere; the words "no error" or "correct" without a number.
    """
    text = answer.strip().strip("\"'`*_()[] \n\t")
    start = _INTEGER.match(text)
    if start:
        return _small(start[0])
    named = {m[1] for m in _NAMED_INTEGER.finditer(text)}
    if len(named) == 1:
        return _small(named.pop())
    if named:
        return None
    numbers = set(_INTEGER.findall(text))
    if len(numbers) == 1:
        return _small(numbers.pop())
    if not numbers and re.match(
        r"(?:there (?:is|are) )?no errors?\b|none\b|(?:the )?(?:note|text) is correct\b|correct\b", text.casefold()
    ):
        return -1
    return None


def _small(digits: str) -> int | None:
    """The number, or None for digits that no note has as a sentence number (and that would be slow to convert)."""
    return int(digits) if len(digits) <= 6 else None
