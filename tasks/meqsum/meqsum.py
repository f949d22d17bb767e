"""MeQSum: a consumer's health question becomes one short question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from clueplus.data import read_xlsx, task_dataset
from clueplus.metrics.components import item_scores
from clueplus.metrics.text_scores import text_scores

TEST = "meqsum/MeQSum_ACL2019_BenAbacha_Demner-Fushman.xlsx"
POOL = (
    "mediqa2021_qs/MEDIQA2021-Task1-QuestionSummarization-ValidationSet.xlsx",
    "mediqa2021_qs/MEDIQA2021-Task1-TestSet-ReferenceSummaries.xlsx",
)


def build(files: Mapping[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    """Test: all of MeQSum. Few-shot pool: MEDIQA-QS 2021, without questions that MeQSum has too."""
    test = [
        {"id": row["File"], "question": row["CHQ"].strip(), "summary": row["Summary"].strip()}
        for row in read_xlsx(files, TEST, ["File", "CHQ", "Summary"])
    ]
    seen = {_fold(document["question"]) for document in test}
    pool = [
        {"id": f"mediqa-qs-{row['q_id']}", "question": row["NLM Question"].strip(), "summary": row["Summary"].strip()}
        for file in POOL
        for row in read_xlsx(files, file, ["q_id", "NLM Question", "Summary"])
        if _fold(row["NLM Question"]) not in seen
    ]
    # The prompts show the first examples of the pool: of ordinary length, so that they cost little context.
    pool.sort(key=lambda document: not 30 <= len(document["question"].split()) <= 90)
    return {"test": test, "fewshot": pool}


dataset = task_dataset(__file__, build)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """ROUGE-L, -1, -2 and BERTScore F1 of the answer against the reference summary."""
    prediction, reference = results[0].strip(), doc["summary"]
    components = text_scores(prediction, reference)
    return item_scores(components, unscorable=not prediction)


def _fold(text: str) -> str:
    """The words alone: one message stands in both sets with other punctuation."""
    return " ".join(re.findall(r"\w+", text.casefold()))
