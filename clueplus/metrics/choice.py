"""Parsers of short answers: an option letter, a sentence number. They never raise and never guess between two.

Each tries its patterns in order: the first that finds something decides, if all that it finds is one and the same. The
patterns see single spaces only and repeat nothing without bound inside a search, so hostile text costs linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from string import ascii_uppercase

from clueplus.metrics.answer import plain

# A capital letter by itself, with a second one offered beside it; "I" is a pronoun, "A is wrong" no choice.
_LONE = r"[(\[]?([A-HJ-Z])(?![\w-])"
_BESIDE = r"(?:[)\]]?,?(?: ?[,/&] ?| (?:or|and) ){}|(?![)\]]?,? or\b))"
_LETTER = rf"{_LONE}(?![)\]]? (?:isn't|is (?:not|wrong|incorrect|false)))" + _BESIDE.format(_LONE)
_NO_ARTICLE = r"(?!(?<=\bA) (?!(?:is|because|since|as)\b)[a-z])"
_LOWER = r"[(\[]?([a-z])(?=[)\].:]{0,3}$)"
_NEXT_LABEL = r"(?:[^\n]*\n[(\[]?([A-Za-z])(?:[).:]|$))?"
_LABELS = (
    re.compile(r"\A[\W_]*([A-Za-z])[\W_]*\Z"),
    # "B. text", "b) text", "D is correct because": at the start, unless the next line starts with a label as well.
    re.compile(rf"\A\W*(?=\w(?:$|[^\w\s'-]| -| (?:is|because|since|as|and)\b)){_LETTER}{_NEXT_LABEL}", re.M),
    re.compile(rf"\A\W*([a-z])[).:](?=\s){_NEXT_LABEL}", re.M),
    re.compile(rf"\b(?i:answer)(?: is| would be| should be)? ?[:=]? ?(?:{_LETTER}{_NO_ARTICLE}|{_LOWER})", re.M),
    re.compile(rf"\b{_LETTER}(?=[)\]]? (?:is|seems) (?:the )?(?:right|correct|best|answer)\b)"),
    re.compile(rf"\b(?i:option|choice|letter|definition)s?(?: is)? ?[:=]? ?(?:{_LETTER}|{_LOWER})", re.M),
)
# Weaker than an option's text: "B Text", "it is B", "text (B)", a line with nothing but "B".
_LOOSE_LABELS = (
    re.compile(r"\A([B-HJ-Z])(?= [A-Z])"),
    re.compile(rf"(?:\b(?i:is|be|to|as|with|choose|select|pick|think|say|it's)|[:=>]) ?{_LETTER}{_NO_ARTICLE}"),
    re.compile(rf"(?=[(\[]\w[)\]]){_LETTER}"),
    re.compile(r"^[^\w\n]{0,5}([A-HJ-Z])[^\w\n]{0,5}$", re.M),
)

# A number that is no part of a word, a decimal, a ratio, a date or a quantity.
_UNIT = r"(?:%|[mk]?g|mcg|ml|years?|months?|weeks?|days?|hours?|minutes?|times|of|sentences?|errors?)"
_ONE_ID = rf"(?<!\w)(?<!\d[.,:])(-1|\d{{1,3}})(?![\w/%⁄]|[.,:-]\d|-\w| ?{_UNIT}(?![\w/]))"
_ID = _ONE_ID + rf"(?:,?(?: ?[,/&] ?| (?:or|and|to|-) )(?:sentence )?{_ONE_ID}|(?!,? or\b))"
_NOT_RIGHT = r"(?! (?:is|are) (?:correct|right|fine))"
_FIRST_ID = (re.compile(rf"\A[^\w-]*{_ID}(?:[^\n]*\n{_ONE_ID})?"),)
_NAMED_ID = (
    re.compile(rf"\banswer(?: is)? ?[:=]? ?(?:sentence |number )?[(\[]?{_ID}", re.I),
    re.compile(
        rf"\b(?:sentence|line|number|no\.|id)s?(?: (?:id|number|no\.?|is)){{0,2}} ?[:=]? ?[(\[]?{_ID}{_NOT_RIGHT}", re.I
    ),
    re.compile(rf"(?:\b(?:is|in|it's|be)|[:=>]) ?[(\[]?{_ID}(?=[^\w\n]{{0,5}}$)", re.I | re.M),
)
_NO_ERROR = re.compile(
    r"\bno (?:medical |clinical )?(?:errors?|mistakes?|wrong|incorrect)\b"
    r"|(?:not|n't) \w+ (?:any|an) (?:medical )?errors?\b|\Anone\b|\Acorrect\W*\Z"
    r"|\b(?:note|text|everything|(?:all|every|each)(?: \w+){0,3} sentences?)"
    r" (?:is|are) (?:medically )?(?:correct|right)\b",
    re.I,
)


def parse_option(answer: str, options: Sequence[str]) -> str | None:
    """The option letter (upper case) that an answer chooses, or None when it chooses none or several.

    In this order: nothing but a letter; a letter as label at the start; "the answer is B"; "B is correct"; "option B";
    the full text of an option; a letter where a choice may stand ("I think B").

    Args:
        answer: the model's text.
        options: the option texts; their letters are A, B, C, ...
    """
    text = plain(answer)
    found = _first(_LABELS, text) or _by_text(text, options) or _first(_LOOSE_LABELS, text)
    return found.pop() if len(found) == 1 and found <= set(ascii_uppercase[: len(options)]) else None


def parse_sentence_id(answer: str) -> int | None:
    """The sentence number that an answer names, -1 for "no error", or None when it names none or several.

    In this order: a number at the start; "the answer is 4"; "sentence 4"; a line that ends "it is 4". Words such as
    "no error" or "the note is correct" count as -1, and contradict every other number that does not come first.
    """
    text = plain(answer)
    found = _first(_FIRST_ID, text)
    if not found:
        found = _first(_NAMED_ID, text) | ({"-1"} if _NO_ERROR.search(text) else set())
    return int(found.pop()) if len(found) == 1 else None


def _first(patterns: Iterable[re.Pattern[str]], text: str) -> set[str]:
    """All that the first pattern with a match finds."""
    for pattern in patterns:
        found = {group.upper() for match in pattern.finditer(text) for group in match.groups() if group}
        if found:
            return found
    return set()


def _by_text(text: str, options: Sequence[str]) -> set[str]:
    """The letters of the options whose full text occurs, and not only inside a longer option that occurs."""
    text = " ".join(text.casefold().split())
    wanted = [" ".join(plain(option).casefold().split()) for option in options]
    found: set[str] = set()
    for option in sorted(set(wanted) - {""}, key=lambda option: (-len(option), option)):
        text, times = re.subn(rf"(?<!\w){re.escape(option)}(?!\w)", "\0", text)
        if times:
            found |= {letter for letter, other in zip(ascii_uppercase, wanted, strict=False) if other == option}
    return found
