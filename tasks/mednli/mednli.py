"""MedNLI: does a statement follow from a sentence of a patient's record? Its open stand-in is SDOH-NLI."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from clueplus.data import read_csv, task_dataset
from clueplus.metrics.components import item_scores
from clueplus.metrics.labels import NLI, parse_label

TEST = "sdoh_nli/sdoh_nli_test.csv"
POOL = "sdoh_nli/sdoh_nli_train.csv"
COLUMNS = ["premise", "hypothesis", "label"]
FORMS = {
    **NLI,
    "True": ("true", *NLI["entailment"]),
    "False": ("false", "not true", "not entailment", "not entailed", "neutral", *NLI["contradiction"]),
}
TOPICS = ("smoker", "alcohol", "drug|cocaine|marijuana|opioids", "employed|retired|student|homemaker", "live|lives")


def build(files: Mapping[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    """The open variant: SDOH-NLI's test and training split, each cut to as many False as True of every statement."""
    test, pool = (_balanced(files, file) for file in (TEST, POOL))
    known = {fold(document["premise"]) for document in test}
    pool = [document for document in pool if fold(document["premise"]) not in known]
    return {"test": test, "fewshot": shots_first(pool, ["True", "False", "False"])}


dataset = task_dataset(__file__, build)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Accuracy of the label; as labels are equally frequent, it is the mean of their accuracies."""
    label = parse_label(results[0], {label: FORMS[label] for label in doc["labels"]})
    return item_scores({"accuracy": float(label == doc["answer"])}, unscorable=label is None)


def fold(text: str) -> str:
    """A text without regard to case and white space."""
    return " ".join(text.casefold().split())


def shots_first(pool: Sequence[dict[str, Any]], answers: Sequence[str]) -> list[dict[str, Any]]:
    """The pool, led by one document for each of `answers`: short ones, no premise and no statement twice."""
    shown: list[dict[str, Any]] = []
    for answer in answers:
        used = {d["premise"] for d in shown} | {d["hypothesis"] for d in shown}
        free = [d for d in pool if d["answer"] == answer and not {d["premise"], d["hypothesis"]} & used]
        # The very shortest premises are fragments.
        fitting = [d for d in free if len(d["premise"]) >= 60] or free
        shown += sorted(fitting, key=lambda d: (len(d["premise"]) + len(d["hypothesis"]), d["id"]))[:1]
    return shown + [d for d in pool if d not in shown]


def _balanced(files: Mapping[str, bytes], file: str) -> list[dict[str, Any]]:
    """All True pairs, and for each statement as many False ones.

    The same statements are put to every premise, so a rule that never reads the premise gets 74% balanced accuracy of
    all rows. Premises that say something about the statement's topic come first: most False rows are of another topic.
    """
    truth: dict[tuple[str, str], bool] = {}
    for row in read_csv(files, file, COLUMNS):
        pair = (row["premise"], row["hypothesis"])
        # One statement stands for two questions upstream ("own or family's home"): it holds where either does.
        truth[pair] = truth.get(pair, False) or row["label"] == "True"
    told = {(premise, _topic(statement)) for (premise, statement), holds in truth.items() if holds}
    chosen: list[tuple[str, str]] = []
    for statement in dict.fromkeys(statement for _, statement in truth):
        true = [pair for pair, holds in truth.items() if pair[1] == statement and holds]
        false = [pair for pair, holds in truth.items() if pair[1] == statement and not holds]
        false.sort(key=lambda pair: ((pair[0], _topic(pair[1])) not in told, _hash(pair)))
        chosen += true + false[: len(true)]
    return [_document(pair, truth[pair]) for pair in chosen]


def _document(pair: tuple[str, str], holds: bool) -> dict[str, Any]:
    premise, statement = (" ".join(text.split()) for text in pair)
    common = {"premise": premise, "hypothesis": statement, "labels": ["True", "False"]}
    return {"id": f"sdoh-nli-{_hash(pair)[:12]}", **common, "answer": str(holds)}


def _hash(pair: tuple[str, str]) -> str:
    return hashlib.sha256("\n".join(pair).encode()).hexdigest()


def _topic(statement: str) -> int | None:
    return next((n for n, words in enumerate(TOPICS) if re.search(rf"\b(?:{words})\b", statement.lower())), None)
