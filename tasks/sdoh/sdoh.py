"""SDoH: what a note says about a patient's social history, as a JSON list. Its open stand-in is SHADR."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clueplus.data import read_csv, task_dataset
from clueplus.data.load import import_module
from clueplus.metrics.components import item_scores
from clueplus.metrics.eval4ner_mode import eval4ner_type
from clueplus.metrics.json_answer import list_items, parse_json
from clueplus.metrics.mentions import place_values
from clueplus.metrics.spans import Span, count_spans

SHADR = "shadr/Partial_Iteration_2_demographic_annotated.csv"
POOL_PERCENT = 12


def build(files: Mapping[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    """The open variant: sentences of SHADR, those of one case either all in the test set or all in the pool."""
    shadr = import_module(Path(__file__).with_name("shadr.py"))
    documents = shadr.sentences(read_csv(files, SHADR, shadr.COLUMNS), key)
    pool = [document for document in documents if _percent(document["case"]) < POOL_PERCENT]
    test = [document for document in documents if _percent(document["case"]) >= POOL_PERCENT]
    return {"test": test, "fewshot": shots_first(pool)}


dataset = task_dataset(__file__, build)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """F1 of entity and label where the words overlap; beside it exact boundaries, eval4ner's number, empty notes."""
    parsed, note = parse_json(results[0]), doc["note"]
    gold = [Span(*span) for span in json.loads(doc["spans"])]
    values = [_read(entry) for entry in list_items(parsed.value)]
    if doc["scope"] == "sentence":  # no words were marked: entity and label hold for all of it, once
        values = list(dict.fromkeys((label, note) for label, _ in values))
    spans = place_values(values, note, gold)
    broken = parsed.value is None  # which does not say "nothing found"
    marked = [(span.label, note[span.start : span.end]) for span in gold]
    return item_scores(
        {"overlap_f1": 0.0 if broken else count_spans(spans, gold, boundaries="overlap").f1},
        unscorable=broken,
        exact_f1=0.0 if broken else count_spans(spans, gold, boundaries="exact").f1,
        eval4ner_f1=0.0 if broken else eval4ner_type(values, marked, note).f1,
        empty_kept=None if gold else float(not values and not broken),
        valid_json=float(parsed.how == "strict"),
    )


def key(entity: str, label: str) -> str:
    """Entity and label as one label of a span, without regard to case and marks."""
    return "/".join(re.sub(r"[\W_]", "", part.lower()) for part in (entity, label))


def shots_first(pool: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pool, led by four short notes, each of which adds the most new kinds of entry to those before it."""
    shown: list[dict[str, Any]] = []
    seen: set[str] = set()
    short = sorted(pool, key=lambda d: (len(d["note"]), d["id"]))[: max(4, len(pool) // 2)]
    for _ in range(min(4, len(pool))):
        free = [d for d in short if d not in shown]
        shown.append(max(free, key=lambda d: len({label for *_, label in json.loads(d["spans"])} - seen)))
        seen |= {label for *_, label in json.loads(shown[-1]["spans"])}
    return shown + [d for d in pool if d not in shown]


def _percent(case: str) -> int:
    """A number from 0 to 99 that is always the same for a case."""
    return int(hashlib.sha256(case.encode()).hexdigest(), 16) % 100


def _read(entry: Any) -> tuple[str, str]:
    """Label and value; what lacks entity or label is an entry of an unknown label, and wrong."""
    entity, label, value = (entry.get(k) if isinstance(entry, dict) else None for k in ("entity", "label", "value"))
    if not isinstance(entity, str) or not isinstance(label, str):
        return "", ""
    return key(entity, label), str(value) if isinstance(value, str | int | float) else ""
