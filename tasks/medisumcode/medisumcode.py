"""MeDiSumCode: the ICD-10-CM codes of a hospital stay, from its discharge letter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from clueplus.data import task_dataset
from clueplus.metrics.components import item_scores
from clueplus.metrics.icd_codes import (
    category_matches,
    exact_matches,
    hierarchical_matches,
    parse_codes,
    plain_code,
    valid_ratio,
)

TABLE = Path(__file__).with_name("codes.txt")


dataset = task_dataset(__file__)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """F1 of codes and of categories, and the share of codes that exist; hierarchical F1 beside.

    The stay's own codes exist in any case: a few were dropped from the table before 2021. Without a code in the answer
    every number is 0, the ratio too, or silence would be the best strategy.
    """
    predicted, gold = parse_codes(results[0]), doc["codes"]
    known = valid_codes().intersection(predicted).union(map(plain_code, gold))
    components = {
        "exact_f1": exact_matches(predicted, gold).f1,
        "category_f1": category_matches(predicted, gold).f1,
        "valid_ratio": valid_ratio(predicted, known) or 0.0,
    }
    return item_scores(components, unscorable=not predicted, hierarchical_f1=hierarchical_matches(predicted, gold).f1)


@lru_cache(maxsize=1)
def valid_codes() -> frozenset[str]:
    """Every code of ICD-10-CM 2021, complete or not, without the dot."""
    lines = TABLE.read_text(encoding="ascii").split()
    return frozenset(code for line in lines for code in unfolded(line))


def unfolded(line: str) -> Iterator[str]:
    """The codes of one line: "A00(019)" is A00, A000, A001, A009, and with "[" A00 itself is none."""
    prefixes, last = [""], line[:2]
    for place, character in enumerate(line[2:], start=3):
        if character in "([":
            prefixes.append(last)
        elif character in ")]":
            prefixes.pop()
        else:
            last = prefixes[-1] + character
            if line[place : place + 1] != "[":
                yield last
