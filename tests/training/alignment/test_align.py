"""Fine-tuning on answers, and on preferences between them."""

import math
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError
from clueplus.training.alignment.train import align
from tests.support.training import (
    SENTENCES,
    Heard,
    align_spec,
    checkpoint_digest,
    instruction_rows,
    mean_loss,
    preference_rows,
    sequence_losses,
    write_rows,
)


def rendered(tokenizer: Any, row: dict[str, Any], answer: str) -> tuple[list[int], int]:
    """The token ids of a row with an answer, and how many of them are the prompt's."""
    messages = [{"role": "system", "content": row["instruction"]}, {"role": "user", "content": row["input"]}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    words = tokenizer(answer, add_special_tokens=False)["input_ids"]
    return [*prompt, *words, tokenizer.eos_token_id], len(prompt)


def test_sft_takes_its_loss_of_the_answers_alone(base: Path, tokenizer: Any, tmp_path: Path, heard: Heard) -> None:
    rows = instruction_rows(5)
    spec = align_spec("sft", batch=8, device_batch=4, steps=1)
    trained = align(spec, base, write_rows(tmp_path / "rows", rows), tmp_path / "out", heard)
    whole = [rendered(tokenizer, row, row["output"]) for row in rows]
    expected = mean_loss(base, [ids for ids, _ in whole], [prompt for _, prompt in whole])
    assert trained.losses["phase1_first"] == pytest.approx(expected, rel=1e-5)
    assert trained.tokens == sum(len(ids) for ids, _ in whole)
    assert trained.trained_tokens == sum(len(ids) - prompt for ids, prompt in whole)


def test_sft_teaches_to_answer_and_to_stop(base: Path, tokenizer: Any, tmp_path: Path, heard: Heard) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    rows = [{"instruction": "Say it.", "input": f"Case {number}.", "output": "all is well"} for number in range(8)]
    spec = align_spec("sft", epochs=12, batch=8, device_batch=8, learning_rate=1e-2, held_out=0.25)
    trained = align(spec, base, write_rows(tmp_path / "rows", rows), tmp_path / "out", heard)
    assert trained.losses["held_out_after"] < 0.5 < trained.losses["held_out_before"]
    ids, prompt = rendered(tokenizer, {**rows[0], "input": "Case 99."}, "all is well")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    answer = model.generate(torch.tensor([ids[:prompt]]), max_new_tokens=20, do_sample=False)[0, prompt:]
    assert answer.tolist() == ids[prompt:]


def test_rows_that_cannot_be_used_are_counted(base: Path, tokenizer: Any, tmp_path: Path, heard: Heard) -> None:
    good = instruction_rows(3)
    long = {**good[0], "output": SENTENCES[0] * 20}
    rows = write_rows(tmp_path / "rows", [*good, long, {**good[1], "output": "  "}])
    trained = align(align_spec("sft", max_length=256), base, rows, tmp_path / "out", heard)
    assert trained.truncation == {
        "rows_too_long": 1,
        "tokens_of_rows_too_long": len(rendered(tokenizer, long, long["output"])[0]),
        "rows_without_answer": 1,
    }
    assert trained.facts["sequences"] == [3]


def test_rows_with_one_prompt_are_on_one_side(base: Path, tmp_path: Path, heard: Heard) -> None:
    rows = [{**row, "output": f"Answer {number}"} for row in instruction_rows(4) for number in range(3)]
    spec = align_spec("sft", held_out=0.25, steps=1)
    trained = align(spec, base, write_rows(tmp_path / "rows", rows), tmp_path / "out", heard)
    assert trained.facts["sequences"] == [9]


@pytest.mark.parametrize("precomputed", [True, False])
def test_dpo_prefers_what_was_chosen(
    precomputed: bool, base: Path, tokenizer: Any, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl import DPOTrainer

    precompute, passes = DPOTrainer._precompute_ref_logps, []
    monkeypatch.setattr(DPOTrainer, "_precompute_ref_logps", lambda *told: passes.append(told[2]) or precompute(*told))
    rows = preference_rows(6)
    equal, lone = {**rows[0], "rejected_output": rows[0]["output"] + " "}, instruction_rows(7)[6]
    spec = align_spec("dpo", epochs=3, batch=3, device_batch=3, learning_rate=3e-4, neftune_alpha=5.0)
    spec = spec.model_copy(update={"precompute_reference": precomputed})
    trained = align(spec, base, write_rows(tmp_path / "rows", [*rows, equal, lone]), tmp_path / "out", heard)
    assert trained.truncation == {"pairs_of_equal_answers": 1, "rows_without_rejected_output": 1}
    assert trained.losses["phase1_first"] == pytest.approx(math.log(2), abs=1e-4), "no model differs from itself"
    assert trained.losses["phase1_last"] < 0.6
    assert passes == ["train"] * precomputed, "the reference is asked once, or at every step"

    def likelihood(folder: Path, answer: str) -> float:
        whole = [rendered(tokenizer, row, row[answer]) for row in rows]
        return -sum(loss for loss, _ in sequence_losses(folder, [i for i, _ in whole], [p for _, p in whole]))

    chosen, rejected = (
        likelihood(tmp_path / "out", answer) - likelihood(base, answer) for answer in ("output", "rejected_output")
    )
    assert chosen - rejected > 5, "the odds moved towards what was chosen"


def test_the_loss_of_dpo_is_its_formula(base: Path, tokenizer: Any, tmp_path: Path, heard: Heard) -> None:
    """The second step's loss, by hand from the model that the first one left."""
    rows, beta = preference_rows(4), 0.4
    folder = write_rows(tmp_path / "rows", rows)
    for steps in (1, 2):
        spec = align_spec(
            "dpo", epochs=2, steps=steps, batch=4, device_batch=2, learning_rate=1e-3, schedule="constant"
        )
        trained = align(spec.model_copy(update={"beta": beta}), base, folder, tmp_path / str(steps), heard)

    def gains(answer: str) -> list[float]:
        whole = [rendered(tokenizer, row, row[answer]) for row in rows]
        before, after = (
            sequence_losses(model, [ids for ids, _ in whole], [prompt for _, prompt in whole])
            for model in (base, tmp_path / "1")
        )
        return [old - new for (old, _), (new, _) in zip(before, after, strict=True)]

    margins = [chosen - rejected for chosen, rejected in zip(gains("output"), gains("rejected_output"), strict=True)]
    expected = sum(math.log1p(math.exp(-beta * margin)) for margin in margins) / len(margins)
    assert trained.losses["phase1_last"] == pytest.approx(expected, rel=1e-4)


def test_dpo_with_an_adapter_leaves_a_whole_model(base: Path, tmp_path: Path, heard: Heard) -> None:
    spec = align_spec("dpo", steps=2, learning_rate=1e-3, adapter={"rank": 4}, dtype="bfloat16", held_out=0.2)
    trained = align(spec, base, write_rows(tmp_path / "rows", preference_rows(8)), tmp_path / "out", heard)
    assert trained.losses["held_out_before"] == pytest.approx(math.log(2), abs=0.01)
    assert trained.losses["held_out_after"] < trained.losses["held_out_before"]
    assert checkpoint_digest(tmp_path / "out") != checkpoint_digest(base)


def test_what_cannot_be_aligned_is_one_line(base: Path, tmp_path: Path, heard: Heard) -> None:
    instructions = write_rows(tmp_path / "instructions", instruction_rows(3))
    preferences = write_rows(tmp_path / "preferences", preference_rows(3))
    equal = write_rows(tmp_path / "equal", [{**row, "rejected_output": row["output"]} for row in instruction_rows(3)])
    cases = [
        (align_spec("sft"), preferences, "preference rows .* and the method is sft"),
        (align_spec("dpo"), instructions, "3 rows without rejected output"),
        (align_spec("dpo"), equal, "3 pairs of equal answers"),
        (align_spec("sft", max_length=8), instructions, "shorter than every row"),
        (align_spec("dpo", max_length=8), preferences, "shorter than every row"),
        (align_spec("sft"), write_rows(tmp_path / "empty", []), "has no rows"),
        (align_spec("sft"), tmp_path, "has no rows.jsonl"),
        (align_spec("sft", held_out=0.4), write_rows(tmp_path / "one", instruction_rows(1)), "none is left to train"),
    ]
    for number, (spec, folder, told) in enumerate(cases):
        with pytest.raises(ClueplusError, match=told):
            align(spec, base, folder, tmp_path / f"out{number}", heard)
        assert not (tmp_path / f"out{number}").exists()
