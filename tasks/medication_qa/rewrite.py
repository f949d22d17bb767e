"""Raw pairs rewritten: a model drops those whose answer is beside the question and shortens the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clueplus.data.json_rows import is_text
from clueplus.data.load import import_module
from clueplus.data.rewriting import Ask, Judged, Source
from clueplus.errors import DataError
from clueplus.metrics.json_answer import parse_json

VARIANTS = ("official",)
RAW = "open"
HELD = "MedInfo2019-QA-Medications.xlsx"
MAX_TOKENS = 1024
PROMPT = """\
People ask questions about medicines, and for each question somebody filed a passage of a web page. You turn such
pairs into questions with short reference answers. Work in two steps.

1. Does the passage answer this very question? It does not if it is about another medicine or another matter than the
one asked about, or if a reader of the passage would still not know what the person wanted to know. A passage that names
no medicine is about the one asked about.
2. If it does, write the answer that you would give the person: direct, in one to three sentences, in plain words.
Keep the doses, times and conditions that the question is about. Use nothing but the passage, and do not say that there
is one.

Reply with one JSON object and nothing else: {{"answers_question": true, "answer": "..."}} if the passage answers the
question, or {{"answers_question": false}} if it does not.

Medicine asked about: {drug}
Question: {question}

Passage:
{answer}

JSON object:"""
BESIDE, NO_JSON = "the passage does not answer the question", "not one JSON object in the model's answer"
NO_VERDICT, NO_WORD = "no verdict in the model's answer", "no words in the rewritten answer"
REPEATED, IN_TEST = "a pair that was there before", "an example whose question stands in the test"
_VERDICTS = {"true": True, "yes": True, "false": False, "no": False}

importer = import_module(Path(__file__).with_name("importer.py"))


def read(path: Path) -> Source:
    """A question to the model for each pair of the workbook."""
    found = importer.pairs(path)
    if found.variant != RAW:
        raise DataError(
            f"{path.name}: these pairs count as rewritten already",
            fix=f"give {HELD}; or clueplus data import medication_qa {path.name}",
        )
    return Source([Ask(_prompt(document), document) for document in found.documents], found.sources, found.rejected)


def judge(ask: Ask, answer: str) -> Judged:
    """The pair with its new answer, if the model says that there is one."""
    value = parse_json(answer).value
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return Judged(dropped=[NO_JSON])
    verdict, text = _verdict(value.get("answers_question")), value.get("answer")
    if verdict is not True:
        return Judged(dropped=[NO_VERDICT if verdict is None else BESIDE])
    if not is_text(text) or not importer.fold(text):
        return Judged(dropped=[NO_WORD])
    return Judged([{**ask.material, "answer": text.strip()}])


def split(documents: list[dict[str, Any]]) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Test and few-shot pool of the pairs, each pair once: two passages may have become one answer."""
    pairs: dict[tuple[str, str], dict[str, Any]] = {}
    for document in documents:
        pairs.setdefault((importer.fold(document["question"]), importer.fold(document["answer"])), document)
    splits = importer.held_out(list(pairs.values()))
    lost = len(pairs) - sum(map(len, splits.values()))
    return splits, [REPEATED] * (len(documents) - len(pairs)) + [IN_TEST] * lost


def _prompt(document: dict[str, Any]) -> str:
    question, answer, drug = (document[name] for name in ("question", "answer", "drug"))
    known = importer.fold(drug) != importer.fold(question)  # a pair without a drug has its question in the place
    return PROMPT.format(question=question, answer=answer, drug=drug if known else "see the question")


def _verdict(value: Any) -> bool | None:
    return _VERDICTS.get(str(value).strip().lower())
