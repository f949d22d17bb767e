"""A rejected answer, read out of a model's and verified."""

from __future__ import annotations

from clueplus.models import Answer
from clueplus.training.synthesis.checks import is_refusal
from clueplus.training.synthesis.reading import TrainingRow
from clueplus.training.synthesis.recipe import Corrupted
from clueplus.training.synthesis.row import CUT_OFF
from clueplus.training.synthesis.structured import MalformedError, read_rejected


def verify(row: TrainingRow, answer: Answer, text: str, corrupted: Corrupted) -> tuple[str | None, str]:
    """Why an answer is no rejected output (None when it is one), and the rejected output.

    Args:
        row: with the chosen output.
        answer: of the model that corrupts.
        text: of the answer, without what the model thought aloud.
        corrupted: the bounds.
    """
    if answer.finish_reason == "length":
        return CUT_OFF, ""
    try:
        rejected = read_rejected(text, row["output_format"])
    except MalformedError as error:
        return f"malformed: {error}", ""
    chosen = row["output"]
    if not rejected:
        return "rejected: empty", ""
    if _plain(rejected) == _plain(chosen):
        return "rejected: equals the chosen one", ""
    low, high = corrupted.length_ratio
    if not low <= len(rejected) / len(chosen) <= high:
        return "rejected: another length", ""
    if is_refusal(rejected):
        return "rejected: a refusal", ""
    return None, rejected


def _plain(text: str) -> str:
    return " ".join(text.split())
