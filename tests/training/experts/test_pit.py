"""Pre-instruction tuning: task outputs first, then with their documents."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from clueplus.errors import ClueplusError
from clueplus.training.experts.spec import ExpertSpec
from clueplus.training.experts.train import train_expert
from tests.support.training import SENTENCES, Heard, mean_loss, metrics, pit, training, write_corpus

TEXTS = SENTENCES[:6]
OUTPUTS = [[f"Summary: {text[:20]}", f"Entities: {text.split()[1]}"] for text in TEXTS]
# Nothing is learned at this rate, so that what either phase sees first can be told from its loss.
STILL = 1e-12


def joined(tokenizer: Any, parts: list[str]) -> list[int]:
    return [token for part in parts for token in [*tokenizer(part)["input_ids"], tokenizer.eos_token_id]]


def test_each_phase_sees_what_it_should(base: Path, tokenizer: Any, tmp_path: Path, heard: Heard) -> None:
    """A document without task data is left out of both, and counted."""
    corpus = write_corpus(tmp_path / "c", [*TEXTS, "Nobody wrote about this one.", ""], [*OUTPUTS, [], ["x"]])
    spec = pit(
        {"learning_rate": STILL, "epochs": 1}, {"learning_rate": 2 * STILL, "epochs": 2}, batch=8, device_batch=8
    )
    trained = train_expert(spec, base, corpus, tmp_path / "out", heard)
    first = [joined(tokenizer, parts) for parts in OUTPUTS]
    second = [joined(tokenizer, [*parts, text]) for parts, text in zip(OUTPUTS, TEXTS, strict=True)]
    assert trained.losses["phase1_first"] == pytest.approx(mean_loss(base, first), rel=1e-5)
    assert trained.losses["phase2_first"] == pytest.approx(mean_loss(base, second), rel=1e-5)
    assert trained.steps == 3, "one epoch and two"
    assert trained.facts["sequences"] == [6, 6], "one document a sequence"
    assert trained.tokens == sum(map(len, first)) + 2 * sum(map(len, second))
    assert trained.trained_tokens == trained.tokens - 6 - 2 * 6, "nothing predicts the first token of a sequence"
    assert trained.truncation == {
        f"phase{number}_{reason}": 1
        for number in (1, 2)
        for reason in ("documents_without_task_data", "documents_without_text")
    }
    rows = metrics(tmp_path / "out")
    assert [(row["phase"], row["step"]) for row in rows] == [("phase1", 1), ("phase2", 2), ("phase2", 3)]
    assert [row["learning_rate"] for row in rows[:2]] == [STILL, 2 * STILL]
    assert [state.steps for state in heard.states] == [3, 3, 3]


def test_the_second_phase_goes_on_from_the_first(base: Path, tmp_path: Path, heard: Heard) -> None:
    corpus = write_corpus(tmp_path / "c", SENTENCES, ([f"About: {text}"] for text in SENTENCES))
    spec = pit({"learning_rate": 3e-3}, {"learning_rate": 3e-3, "epochs": 2}, batch=4, device_batch=4, held_out=0.2)
    trained = train_expert(spec, base, corpus, tmp_path / "out", heard)
    assert trained.losses["phase2_first"] < trained.losses["phase1_first"] - 0.5
    assert trained.losses["held_out_after"] < trained.losses["held_out_before"] - 1.0


def test_what_is_cut_is_counted(base: Path, tokenizer: Any, tmp_path: Path, heard: Heard) -> None:
    corpus = write_corpus(tmp_path / "c", [TEXTS[0] * 9, TEXTS[1], TEXTS[2]], [["One."], ["Two."], [TEXTS[3] * 9]])
    whole = [len(joined(tokenizer, parts)) for parts in (["One.", TEXTS[0] * 9], ["Two.", TEXTS[1]], [TEXTS[3] * 9])]
    trained = train_expert(pit(max_length=64), base, corpus, tmp_path / "out", heard)
    assert whole[1] <= 64 < min(whole[0], whole[2])
    assert trained.truncation == {
        "phase1_documents_cut": 1,
        "phase1_tokens_cut": whole[2] - 64,
        "phase2_documents_cut": 1,
        "phase2_tokens_cut": whole[0] - 64,
        "phase2_documents_too_long": 1,
    }


def test_a_corpus_that_tells_nothing_is_one_line(base: Path, tmp_path: Path, heard: Heard) -> None:
    with pytest.raises(ClueplusError, match=r"no document .* has task data"):
        train_expert(pit(), base, write_corpus(tmp_path / "none", TEXTS), tmp_path / "out", heard)
    long = write_corpus(tmp_path / "long", TEXTS, ([text * 9] for text in TEXTS))
    with pytest.raises(ClueplusError, match="shorter than the task data of every document"):
        train_expert(pit({"steps": 1}, max_length=32), base, long, tmp_path / "out", heard)
    assert heard.states == [], "the second phase's data is looked at before the first phase has trained"


def test_a_spec_whose_phases_do_not_fit_its_method_is_refused() -> None:
    one, other = training(), training(held_out=0.1)
    for method, phases, told in (
        ("dapt", [one, one], "dapt has 1 phase, not 2"),
        ("pit", [one], "pit has 2 phases, not 1"),
        ("pit", [one, other], "one for all phases"),
    ):
        with pytest.raises(ValidationError, match=told):
            ExpertSpec(method=method, phases=tuple(phases))  # type: ignore[arg-type]
