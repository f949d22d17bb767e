"""Pairs that a model makes of impressions; one is kept only if its answer stands in the impression word for word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clueplus.data.importing import file_hash
from clueplus.data.json_rows import is_text
from clueplus.data.load import import_module
from clueplus.data.rewriting import Ask, Judged, Source
from clueplus.errors import DataError
from clueplus.metrics.json_answer import list_items, parse_json

# The official reports are no other kind of file: only their owner can say that they are.
VARIANTS = ("open", "official")
RAW = "open"
HELD = "indiana_dev.json"
MAX_TOKENS = 1024
PROMPT = """\
The impression of a radiology report sums up what was found. You write questions for an exam in which a reader sees the
findings of a report, but not its impression, and has to say what the impression says. Write one question and its answer
for each separate statement of the impression below, five at the most.

- The answer is copied out of the impression: the same characters in the same order, without a gap, with the same
capitals and punctuation. Take the shortest stretch that answers the question wholly, for example a diagnosis with its
side and degree, or the advice that is given.
- The question can be understood without the impression, asks for one thing, and does not contain its answer.
- Leave out a statement that no such question fits, and words that were blanked in the report (____).

Reply with a JSON list and nothing else: [{{"question": "...", "answer": "..."}}, ...], or [] if nothing can be asked.

Impression:
{impression}

JSON list:"""
NO_JSON, NO_PAIR = "no JSON list in the model's answer", "no pair in the model's answer"
NOT_A_PAIR = "a pair without a question or without an answer"
BROKEN_WORD, BLANK = "an answer that breaks a word of the impression", "an answer with a word that upstream blanked"
REPEATED = "a question asked twice about one report"
IN_TEST = "an example whose findings stand in the test"

importer = import_module(Path(__file__).with_name("importer.py"))


def read(path: Path) -> Source:
    """A question to the model for each report with an impression."""
    sources = {path.name: file_hash(path)}
    if path.suffix.lower() != ".json":
        raise DataError(f"{path.name}: no .json file of reports", fix=f"give {HELD}, or a file of its layout")
    good, rejected = importer.reports(path)
    asks = [Ask(PROMPT.format(impression=row["impression"].strip()), {**row, "number": number}) for number, row in good]
    return Source(asks, sources, rejected)


def judge(ask: Ask, answer: str) -> Judged:
    """The pairs in an answer that are about this impression, each question once."""
    parsed = parse_json(answer)
    if parsed.value is None:
        return Judged(dropped=[NO_JSON])
    judged, asked = Judged(), set()
    alone = isinstance(parsed.value, dict) and "question" in parsed.value
    for item in [parsed.value] if alone else list_items(parsed.value):
        question, text = _pair(item)
        fault = _fault(question, text, ask.material["impression"])
        if fault is None and question in asked:
            fault = REPEATED
        if fault is None:
            asked.add(question)
            name = f"{ask.material['number']}-{len(judged.documents) + 1}"
            judged.documents.append(importer.document(name, ask.material, None, question, text))
        else:
            judged.dropped.append(fault)
    return judged if judged.documents or judged.dropped else Judged(dropped=[NO_PAIR])


def split(documents: list[dict[str, Any]]) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Test and few-shot pool of the pairs."""
    splits = importer.held_out(documents)
    return splits, [IN_TEST] * (len(documents) - sum(map(len, splits.values())))


def _pair(item: Any) -> tuple[str, str]:
    """A question and an answer; both empty where one is missing."""
    if not isinstance(item, dict):
        return "", ""
    question, answer = item.get("question"), item.get("answer")
    return (question.strip(), answer.strip()) if is_text(question) and is_text(answer) else ("", "")


def _fault(question: str, answer: str, impression: str) -> str | None:
    if not question:
        return NOT_A_PAIR
    fault: str | None = importer.answer_fault(answer, impression)
    if fault is not None:
        return fault
    if importer.has_blank(answer):
        return BLANK
    # "normal" stands in "abnormal", and says the contrary.
    return None if _whole_words(answer, impression) else BROKEN_WORD


def _whole_words(answer: str, impression: str) -> bool:
    """Whether the answer stands somewhere in the impression without half a word at either end."""
    place = impression.find(answer)
    while place >= 0:
        end = place + len(answer)
        before, after = impression[place - 1 : place], impression[end : end + 1]
        if not (before.isalnum() and answer[0].isalnum()) and not (after.isalnum() and answer[-1].isalnum()):
            return True
        place = impression.find(answer, place + 1)
    return False
