"""ICD10CM: which of four definitions belongs to a code, at three levels of difficulty.

Regenerated from the 2021 tables in the manner of MedConceptsQA: distractors are any codes (easy), codes at graph
distance 3 to 5 (medium) or 2 (hard). Never among them: the gold, its ancestors and descendants, a definition twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import Any

from clueplus.data import task_dataset
from clueplus.data.draw import drawn_number
from clueplus.data.icd10cm import Icd10cm, dotted, read_icd10cm
from clueplus.metrics.choice import parse_option
from clueplus.metrics.components import item_scores

ORDER = "icd10cm_2021/icd10cm-order-Jan-2021.txt"
TABULAR = "icd10cm_2021/icd10cm_tabular_2021.xml"
SEED = "clueplus-icd10cm-1"
LEVELS: dict[str, tuple[int, int] | None] = {"easy": None, "medium": (3, 5), "hard": (2, 2)}
TEST_CODES, POOL_CODES = 2000, 200


def build(files: Mapping[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    """One question a level for each of 2,000 codes; the few-shot pool is made of 200 codes of other categories."""
    table = read_icd10cm(files[ORDER], files[TABULAR], "icd10cm_2021")
    taken: set[str] = set()
    questions = _questions(table, taken)
    test = [document for group in islice(questions, TEST_CODES) for document in group]
    taken |= {document["code"][:3] for document in test}
    pool = list(islice(questions, POOL_CODES))
    # Neighbors in the pool differ in level and code, so that the shots, its first, show three codes.
    turned = [group[(turn + number) % len(LEVELS)] for turn in range(len(LEVELS)) for number, group in enumerate(pool)]
    return {"test": test, "fewshot": turned}


dataset = task_dataset(__file__, build)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Accuracy of the chosen letter, under the level of the question."""
    chosen = parse_option(results[0], doc["options"])
    correct = float(chosen == doc["answer"])
    components = {f"accuracy_{level}": correct if level == doc["level"] else None for level in LEVELS}
    return item_scores(components, unscorable=chosen is None)


def _questions(table: Icd10cm, taken: Set[str]) -> Iterator[list[dict[str, Any]]]:
    """For each drawn code that has three distractors at every level, its questions easy, medium, hard.

    Codes of a category that is `taken` when they are drawn are passed over.
    """
    codes = list(table.descriptions)
    seen = set()
    for draw in _draws("gold", len(codes)):
        gold = codes[draw]
        if gold in seen:
            continue
        seen.add(gold)
        documents = [] if gold[:3] in taken else [_question(table, codes, gold, level) for level in LEVELS]
        if documents and None not in documents:
            yield [document for document in documents if document is not None]
        if len(seen) == len(codes):
            return


def _question(table: Icd10cm, codes: Sequence[str], gold: str, level: str) -> dict[str, Any] | None:
    span = LEVELS[level]
    candidates = codes if span is None else table.at_distance(gold, *span)
    distractors = _distractors(table, candidates, gold, level)
    if distractors is None:
        return None
    position = next(_draws(f"position {level} {gold}", 4))
    options = [table.descriptions[code] for code in distractors]
    options.insert(position, table.descriptions[gold])
    return {
        "id": f"{dotted(gold)}-{level}",
        "level": level,
        "code": dotted(gold),
        "options": options,
        "answer": "ABCD"[position],
        "chapter": table.chapter(gold),
    }


def _distractors(table: Icd10cm, candidates: Sequence[str], gold: str, level: str) -> list[str] | None:
    """Three different candidates, or None when there are not three with definitions of their own."""
    related = [gold, *table.ancestors(gold), *table.descendants(gold)]
    # By text, not by code: another code may have the definition of the gold's parent.
    texts = {table.descriptions[code].casefold() for code in related if code in table.descriptions}
    others = (text for code in candidates[:1000] if (text := table.descriptions[code].casefold()) not in texts)
    if not _three_different(others):
        return None
    chosen: list[str] = []
    for draw in _draws(f"distractor {level} {gold}", len(candidates)):
        text = table.descriptions[candidates[draw]].casefold()
        if text not in texts:
            texts.add(text)
            chosen.append(candidates[draw])
        if len(chosen) == 3:
            break
    return chosen


def _three_different(texts: Iterable[str]) -> bool:
    found: set[str] = set()
    return any(len(found) == 3 for text in texts if not found.add(text))  # type: ignore[func-returns-value]


def _draws(purpose: str, size: int) -> Iterator[int]:
    """Endless numbers below `size` from a hash of the seed: the same on every machine and Python version."""
    number = 0
    while True:
        yield drawn_number(SEED, f"{purpose} {number}") % size
        number += 1
