"""Continued pre-training: what is seen, what the loss is of, and that it helps."""

import json
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError
from clueplus.training.experts.train import train_expert
from clueplus.training.trainer.work import work_folder
from tests.support.training import (
    CANARY,
    PARAGRAPHS,
    SENTENCES,
    Heard,
    checkpoint_digest,
    dapt,
    mean_loss,
    metrics,
    write_corpus,
)


def ids_of(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    return [[*tokenizer(text)["input_ids"], tokenizer.eos_token_id] for text in texts]


@pytest.mark.parametrize("architecture", ["base", "phi"])
def test_the_loss_of_packed_documents_is_that_of_each_alone(
    architecture: str, request: pytest.FixtureRequest, tokenizer: Any, tmp_path: Path, heard: Heard
) -> None:
    folder = request.getfixturevalue(architecture)
    texts = SENTENCES[:9]
    corpus = write_corpus(tmp_path / "corpus", texts)
    spec = dapt(batch=1, max_length=1024, steps=1)
    trained = train_expert(spec, folder, corpus, tmp_path / "out", heard)
    sequences = ids_of(tokenizer, texts)
    assert trained.facts["sequences"] == [1], "all nine are in one row"
    assert trained.tokens == sum(map(len, sequences))
    assert trained.trained_tokens == trained.tokens - len(texts), "nothing predicts the first token of a document"
    assert trained.losses["phase1_first"] == pytest.approx(mean_loss(folder, sequences), rel=1e-5)


def test_noise_is_put_into_the_embeddings_while_training_only(base: Path, tmp_path: Path, heard: Heard) -> None:
    corpus = write_corpus(tmp_path / "corpus", SENTENCES[:6])
    losses = []
    for number, alpha in enumerate((None, 5.0, 50.0)):
        spec = dapt(batch=1, max_length=1024, steps=1, held_out=0.2, neftune_alpha=alpha)
        losses.append(train_expert(spec, base, corpus, tmp_path / str(number), heard).losses)
    assert len({found["held_out_before"] for found in losses}) == 1
    still, some, much = (found["phase1_first"] for found in losses)
    assert 0 < abs(some - still) < abs(much - still)


def test_the_loss_of_several_rows_at_once_is_that_of_each_document_alone(
    base: Path, tokenizer: Any, tmp_path: Path, heard: Heard
) -> None:
    texts = SENTENCES[:24]
    corpus = write_corpus(tmp_path / "corpus", texts)
    spec = dapt(batch=64, device_batch=4, max_length=128, steps=1)
    trained = train_expert(spec, base, corpus, tmp_path / "out", heard)
    assert trained.facts["sequences"][0] > 4
    assert trained.losses["phase1_first"] == pytest.approx(mean_loss(base, ids_of(tokenizer, texts)), rel=1e-5)


def test_a_document_longer_than_the_context_is_split_and_counted(
    base: Path, tokenizer: Any, tmp_path: Path, heard: Heard
) -> None:
    texts = [*PARAGRAPHS[:2], SENTENCES[0]]
    trained = train_expert(
        dapt(batch=64, max_length=64, steps=1), base, write_corpus(tmp_path / "c", texts), tmp_path / "out", heard
    )
    pieces = [ids[at : at + 64] for ids in ids_of(tokenizer, texts) for at in range(0, len(ids), 64)]
    assert trained.truncation == {"documents_split": 2}
    assert trained.tokens == sum(map(len, pieces))
    assert trained.losses["phase1_first"] == pytest.approx(mean_loss(base, pieces), rel=1e-5)


def test_an_expert_knows_its_corpus_better_than_its_base(base: Path, tmp_path: Path) -> None:
    """The same twice gives the same bytes; held-out documents are better predicted, by a margin."""
    corpus = write_corpus(tmp_path / "corpus", [*SENTENCES, "", "  "])
    spec = dapt(
        epochs=3,
        batch=4,
        device_batch=4,
        max_length=96,
        learning_rate=5e-3,
        warmup_steps=3,
        neftune_alpha=5.0,
        held_out=0.2,
        dtype="bfloat16",
    )
    digests = []
    for name in ("one", "two"):
        heard = Heard()
        trained = train_expert(spec, base, corpus, tmp_path / name, heard)
        digests.append(checkpoint_digest(tmp_path / name))
    assert digests[0] == digests[1]
    assert trained.losses["held_out_after"] < trained.losses["held_out_before"] - 1.0
    assert trained.losses["phase1_last"] < trained.losses["phase1_first"]
    assert trained.truncation == {"documents_without_text": 2}
    assert [state.step for state in heard.states] == list(range(1, trained.steps + 1))
    assert heard.states[-1].tokens == trained.tokens
    assert heard.states[-1].seconds_left == 0
    _check_output(tmp_path / "one", base)
    _check_metrics(tmp_path / "one", trained)
    _check_events(tmp_path / "one", trained.steps)


def _check_output(out: Path, base: Path) -> None:
    from safetensors.torch import load_file

    weights, before = load_file(out / "model.safetensors"), load_file(base / "model.safetensors")
    assert {str(weight.dtype) for weight in weights.values()} == {"torch.bfloat16"}
    assert {name: weight.shape for name, weight in weights.items()} == {n: w.shape for n, w in before.items()}
    config, old = (json.loads((folder / "config.json").read_text()) for folder in (out, base))
    assert config.pop("dtype") == "bfloat16"
    assert old.pop("dtype") == "float32"
    assert config == old
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        assert (out / name).read_bytes() == (base / name).read_bytes()
    assert [path.name for path in (out / "tensorboard").iterdir()] == ["events.out.tfevents.0"]
    assert not work_folder(out).exists()


def _check_metrics(out: Path, trained: Any) -> None:
    rows = metrics(out)
    steps = [row for row in rows if "loss" in row]
    assert [row["step"] for row in steps] == list(range(1, trained.steps + 1))
    assert steps[0]["loss"] == trained.losses["phase1_first"]
    assert steps[-1]["loss"] == trained.losses["phase1_last"]
    # A warm-up of three steps, then a cosine to zero.
    rates = [row["learning_rate"] for row in steps]
    assert rates[0] == 0
    assert rates[3] == max(rates) == pytest.approx(5e-3)
    assert rates[-1] < 1e-3
    assert rates[3:] == sorted(rates[3:], reverse=True)
    held_out = [row["held_out_loss"] for row in rows if "held_out_loss" in row]
    assert held_out == [trained.losses["held_out_before"], trained.losses["held_out_after"]]
    assert {row["mfu"] for row in steps} == {None}
    assert "cpu" in trained.facts["mfu_reason"]


def _check_events(out: Path, steps: int) -> None:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    events = list(EventFileLoader(str(out / "tensorboard" / "events.out.tfevents.0")).Load())
    losses = [event.step for event in events for value in event.summary.value if value.tag == "loss"]
    assert losses == list(range(1, steps + 1))


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_adapters_end_as_part_of_the_weights(kind: str, base: Path, tmp_path: Path, heard: Heard) -> None:
    from safetensors.torch import load_file

    adapter = {"kind": kind, "rank": 4, "targets": ("q_proj", "v_proj")}
    spec = dapt(
        steps=6, learning_rate=2e-2, adapter=adapter, gradient_checkpointing=True, dtype="bfloat16", held_out=0.2
    )
    trained = train_expert(spec, base, write_corpus(tmp_path / "c", SENTENCES), tmp_path / "out", heard)
    after, before = load_file(tmp_path / "out" / "model.safetensors"), load_file(base / "model.safetensors")
    changed = {name for name in before if not after[name].equal(before[name].to(after[name].dtype))}
    assert after.keys() == before.keys()
    assert {name.split(".")[-2] for name in changed} == {"q_proj", "v_proj"}
    assert trained.losses["held_out_after"] < trained.losses["held_out_before"] - 0.02


def test_what_cannot_be_trained_is_one_line(base: Path, tmp_path: Path, heard: Heard) -> None:
    empty = write_corpus(tmp_path / "empty", ["", " "])
    corpus = write_corpus(tmp_path / "corpus", SENTENCES[:4])
    cases = [
        (dapt(), empty, "has text"),
        (dapt(), tmp_path, "no documents.jsonl"),
        (dapt(batch=3, device_batch=2), corpus, "no multiple of 2"),
        (dapt(max_length=2048), corpus, "longer than the context"),
        (dapt(adapter={"targets": ("q_prj",)}), corpus, "did you mean q_proj"),
        (dapt(adapter={"targets": ("lm_head",)}), corpus, "no linear layer inside"),
    ]
    for number, (spec, folder, told) in enumerate(cases):
        with pytest.raises(ClueplusError, match=told):
            train_expert(spec, base, folder, tmp_path / f"out{number}", heard)
        assert not (tmp_path / f"out{number}").exists()
    assert not work_folder(tmp_path / "out0").exists(), "a mistake leaves nothing behind"


def test_an_output_that_exists_is_left_alone(base: Path, tmp_path: Path, heard: Heard) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(ClueplusError, match="out exists"):
        train_expert(dapt(), base, write_corpus(tmp_path / "c", SENTENCES[:4]), tmp_path / "out", heard)


def test_a_broken_line_is_named_and_not_quoted(base: Path, tmp_path: Path, heard: Heard) -> None:
    corpus = write_corpus(tmp_path / "corpus", SENTENCES[:2])
    for line in (
        CANARY,
        json.dumps([CANARY]),
        json.dumps({"text": 3, "id": CANARY}),
        json.dumps({"text": CANARY, "task_data": CANARY}),
    ):
        (corpus / "documents.jsonl").write_text(json.dumps({"text": "Well."}) + "\n" + line + "\n")
        with pytest.raises(ClueplusError, match="line 2") as caught:
            train_expert(dapt(), base, corpus, tmp_path / "out", heard)
        assert CANARY not in str(caught.value)
