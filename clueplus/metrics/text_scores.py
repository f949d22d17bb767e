"""The measures that CLUE takes of every free text."""

from __future__ import annotations

from clueplus.metrics.bertscore import bertscore_f1
from clueplus.metrics.rouge import rouge


def text_scores(prediction: str, reference: str) -> dict[str, float | None]:
    """ROUGE-L, -1, -2 and BERTScore F1 of an answer against its reference, each in [0, 1].

    BERTScore is None where no encoder is here.
    """
    scores = rouge(prediction, reference)
    return {
        "rouge_l": scores.rouge_l.f1,
        "rouge_1": scores.rouge_1.f1,
        "rouge_2": scores.rouge_2.f1,
        "bertscore_f1": bertscore_f1(prediction, reference),
    }
