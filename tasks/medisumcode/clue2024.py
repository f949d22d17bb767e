"""MeDiSumCode as CLUE scores it: a narrow expression, lists in place of sets, the first item counted twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clueplus.data.load import import_module
from clueplus.metrics.clue2024 import category_f1, find_codes, first_twice, gold_codes, list_f1, valid_ratio
from clueplus.metrics.components import item_scores
from clueplus.metrics.icd_codes import plain_code

counted = first_twice
valid_codes = import_module(Path(__file__).with_name("medisumcode.py")).valid_codes


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """F1 of lists of codes, F1 of categories, and the share of codes that the table of 2021 has."""
    predicted, gold = find_codes(results[0]), gold_codes(map(plain_code, doc["codes"]))
    components = {
        "exact_f1": list_f1(predicted, gold),
        "category_f1": category_f1(predicted, gold),
        "valid_ratio": valid_ratio(predicted, valid_codes()),
    }
    return item_scores(components, unscorable=not predicted)
