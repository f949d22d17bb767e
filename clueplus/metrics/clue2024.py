"""The arithmetic of CLUE (TIO-IKIM/CLUE, commit 2de4314c) where it differs from ours, defects included: `clue-2024`.

For parity with published numbers only. Each function is named after what CLUE does and says what `clueplus-1` does
instead; the tests show both numbers for each. Written from the behaviour, no code of CLUE is here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from clueplus.metrics.concepts import concepts_missing, find_concepts

Item = TypeVar("Item")

# No U, and two digits: misses U07 and the categories C4A, C7A, C7B, D3A, M1A, O9A and Z3A, 389 billable codes of 2021.
_NARROW_CODE = re.compile(r"\b[A-TV-Z][0-9]{2}(?:\.?[0-9A-Z]{1,4})?\b")
_LONGHEALTH_CHOICE = re.compile(r"The correct answer is (\w):")


def first_twice(items: Sequence[Item]) -> list[Item]:
    """The items with the first one in them twice: what CLUE's means of MedNLI and MeDiSumCode are over.

    CLUE starts each list of results with the first result and then appends that one again. Ours: each item once.
    """
    return [*items[:1], *items]


def printed(fraction: float) -> str:
    """A mean as CLUE writes it to its result files: two decimals of a fraction, so steps of a whole point.

    No score here is rounded, in either version: CLUE's published tables are not (14.46), and a column that is a mean of
    rounded components can be off by half a point. This is for comparing with such a file.
    """
    return f"{fraction:.2f}"


def mednli_is_correct(answer: str, gold: str) -> bool:
    """Whether the gold label occurs in the answer exactly once, in any case, also inside a word.

    So an answer that names all three labels is right, and "not entailment" is entailment. Ours: `parse_label`.
    """
    return answer.upper().count(gold.upper()) == 1


def find_codes(answer: str) -> list[str]:
    """What CLUE's expression for ICD-10 codes finds, without dots, repeats included. Ours: `parse_codes`."""
    return [code.replace(".", "") for code in _NARROW_CODE.findall(answer)]


def gold_codes(codes: Iterable[str]) -> list[str]:
    """The gold codes after CLUE joins and splits them: a note without codes has one, the empty text. Ours: none."""
    return ", ".join(codes).split(", ")


def list_f1(predicted: Sequence[str], gold: Sequence[str]) -> float:
    """F1 of lists: each repeat counts as often as it comes, in precision and in recall; 0 where nothing is shared.

    `gold` comes from `gold_codes`, so it is never empty. Ours: `exact_matches`, on sets, None without codes.
    """
    precision = sum(code in gold for code in predicted) / len(predicted) if predicted else 0.0
    recall = sum(code in predicted for code in gold) / len(gold)
    return _f1(precision, recall)


def category_f1(predicted: Iterable[str], gold: Iterable[str]) -> float:
    """F1 of the sets of first three characters; 0 where nothing is shared. Ours: `category_matches`."""
    return set_f1({code[:3] for code in predicted}, {code[:3] for code in gold})


def valid_ratio(predicted: Sequence[str], valid: Collection[str]) -> float:
    """Share of predicted codes in `valid`, repeats included; 0 without a prediction. Ours counts each code once."""
    return sum(code in valid for code in predicted) / len(predicted) if predicted else 0.0


def set_f1(predicted: Collection[str], gold: Collection[str]) -> float:
    """F1 of two sets, 0 also where both are empty: CLUE's UMLS F1. Ours: None where both are empty, see `counts`."""
    common = len(set(predicted) & set(gold))
    return _f1(common / len(set(predicted)), common / len(set(gold))) if common else 0.0


def umls_f1(prediction: str, reference: str) -> float | None:
    """`set_f1` of the concepts of two texts; None only where no extractor is here.

    Raises:
        ClueplusError: the term table or the linker can't be loaded.
    """
    return None if concepts_missing() else set_f1(*find_concepts([prediction, reference]))


def longhealth_gold(options: Mapping[str, str], correct: str) -> str | None:
    """The letter of the last option whose text contains the correct one's text; None when none does.

    So "Aspirin 100 mg" takes the place of a correct "Aspirin". Ours: the option that equals it.

    Args:
        options: letter to text, in the order of the question.
        correct: the text of the right option.
    """
    return next((letter for letter in reversed(list(options)) if correct in options[letter]), None)


def longhealth_choice(answer: str) -> str | None:
    """The character between the first "The correct answer is " and a colon; None otherwise. Ours: `parse_option`."""
    found = _LONGHEALTH_CHOICE.search(answer)
    return found[1] if found else None


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
