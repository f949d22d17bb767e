"""ICD-10-CM codes: out of an LLM's answer, and scored as a set against a note's codes.

A code is a category (a letter, a digit, a digit or a letter) and up to four more characters, mostly after a dot. Codes
are compared in capitals and without the dot. Each counts once, however often an answer repeats it.

*Exact*: equal codes. *Category*: equal first three characters, each category once. *Hierarchical*: the sets of codes
and of all their ancestors, so that a code next to the right one earns the part of the path that they share:

    hP = |P* n G*| / |P*|      hR = |P* n G*| / |G*|      hF = 2 hP hR / (hP + hR)

with P* and G* the predicted and gold codes joined with their ancestors, the root left out (Kiritchenko, Matwin, Nock
and Famili, "Learning and Evaluation in the Presence of Class Hierarchies", Canadian AI 2006). An ancestor that several
codes share counts once; CoPHE (Falis et al., EMNLP 2021) would count how often.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

from clueplus.metrics.answer import after_thinking
from clueplus.metrics.counts import Counts

# All categories of the 2021 table have two digits but for these seven. Without a dot, another letter there is no code:
# A1C, D5W, H1N1. With a dot hardly anything else looks so, and an invented M2B.1 is a code, a wrong one.
_CATEGORY = r"(?:[A-Z]\d\d|C4A|C7A|C7B|D3A|M1A|O9A|Z3A)"
_AFTER_DOT = r"(?:(?=[A-Za-z]{0,3}\d)[0-9A-Za-z]{1,4}|[Xx]{1,3}[A-Za-z]?|[A-Za-z])"
# What follows the category without a dot: the letters that the table has at each place, so that no "Q12H" is read.
_AT_ONCE = r"(?:(?:[\dA-GXZ]|(?<=Y93)[H-K])(?:[\dA-EX-Z](?:[\dA-HX][\dA-S]?)?)?)?"
# Letters alone are read as they are behind a dot: one, or fillers with one; "A11AA" is no code.
_NO_WORD = r"(?:(?=X{1,3}[A-Z]?(?![0-9A-Za-z]))|(?![A-Z]{2,4}(?![0-9A-Za-z])))"
_NOT_BEFORE = r"(?<![A-Za-z0-9])(?<![A-Za-z]\d\d[-–])"  # of a range, "T11-T12", neither end is a code
_NOT_AFTER = r"(?![A-Za-z0-9%]|\.\d|[-–][A-Za-z]\d\d|/\d)"
_CODE = re.compile(
    rf"{_NOT_BEFORE}(?:([A-Za-z]\d[0-9A-Za-z]\.{_AFTER_DOT})|({_CATEGORY}{_NO_WORD}{_AT_ONCE})){_NOT_AFTER}", re.ASCII
)
# A vitamin, three vertebrae, an enzyme and a serotype; no codes of ICD-10-CM.
_NO_CODES = {"B12", "T10", "T11", "T12", "P450", "O157"}


def plain_code(code: str) -> str:
    """A code as it is compared: capitals, no dot, no space around it ("e11.65" is E1165)."""
    return code.strip().upper().replace(".", "")


def parse_codes(answer: str) -> list[str]:
    """The codes that an answer names, as `plain_code` writes them, each once, in the order of the answer.

    Recognised by their form, real or invented, in prose, lists, JSON or markup. Small letters make a code only with a
    dot, or where the whole answer has no capital. Never raises; time is linear in the length.
    """
    text = after_thinking(answer)
    text = text.upper() if text.islower() else text
    found = (match[1] or match[2] for match in _CODE.finditer(text))
    return list(dict.fromkeys(plain_code(code) for code in found if code not in _NO_CODES))


def exact_matches(predicted: Iterable[str], gold: Iterable[str]) -> Counts:
    """Codes that are equal, as sets; any spelling that `plain_code` evens out."""
    return _counts(map(plain_code, predicted), map(plain_code, gold))


def category_matches(predicted: Iterable[str], gold: Iterable[str]) -> Counts:
    """Categories (first three characters) that are equal, as sets."""
    return _counts((plain_code(code)[:3] for code in predicted), (plain_code(code)[:3] for code in gold))


def prefixes(code: str) -> list[str]:
    """A code's ancestors within its category, from the category down, without the code itself.

    A prefix that ends in the placeholder X makes no choice and is left out: T36.0X1A has T36, T360 and T360X1.
    """
    code = plain_code(code)
    return [code[:length] for length in range(3, len(code)) if length == 3 or code[length - 1] != "X"]


def hierarchical_matches(
    predicted: Iterable[str], gold: Iterable[str], ancestors: Callable[[str], Iterable[str]] = prefixes
) -> Counts:
    """Codes and ancestors that are equal, as sets; its precision, recall and f1 are hP, hR and hF of the module's text.

    Args:
        predicted: the model's codes.
        gold: the note's codes.
        ancestors: the nodes above a plain code, the root left out. The default knows the category and what is below
            it; with a function of the tabular list, blocks and chapters count as well.
    """
    return _counts(_with_ancestors(predicted, ancestors), _with_ancestors(gold, ancestors))


def count_by_code(predicted: Iterable[str], gold: Iterable[str]) -> dict[str, Counts]:
    """The counts of one note for each code on either side, for macro means over codes; add them up over notes."""
    ours, theirs = set(map(plain_code, predicted)), set(map(plain_code, gold))
    return {
        code: Counts(*map(int, (code in ours & theirs, code in ours, code in theirs))) for code in sorted(ours | theirs)
    }


def valid_ratio(predicted: Iterable[str], valid: Collection[str]) -> float | None:
    """The share of predicted codes, each once, that are in `valid` (plain codes), in [0, 1].

    None when no code was predicted: there is nothing to be valid. A task whose note has codes counts that as 0, since
    an answer without any code is unscorable there; left out instead, silence would be the best strategy.
    """
    codes = set(map(plain_code, predicted))
    return sum(code in valid for code in codes) / len(codes) if codes else None


def _counts(predicted: Iterable[str], gold: Iterable[str]) -> Counts:
    ours, theirs = set(predicted), set(gold)
    return Counts(len(ours & theirs), len(ours), len(theirs))


def _with_ancestors(codes: Iterable[str], ancestors: Callable[[str], Iterable[str]]) -> set[str]:
    plain = {plain_code(code) for code in codes}
    return plain.union(*map(ancestors, plain))
