"""What stops a long run, and what it leaves when it is stopped."""

import errno
import json
import logging
import os
import re
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError
from clueplus.training.experts.train import train_expert
from clueplus.training.trainer.work import work_folder
from tests.support.training import CANARY, SENTENCES, Heard, checkpoint_digest, dapt, metrics, write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "c", SENTENCES[:24])


SPEC = dapt(batch=1, max_length=96, save_steps=2, neftune_alpha=5.0, held_out=0.1)


@pytest.fixture(scope="module")
def undisturbed(base: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    assert train_expert(SPEC, base, corpus, out, Heard()).steps >= 6
    return checkpoint_digest(out)


def test_a_loss_that_is_no_number_stops_with_its_batch_saved(base: Path, tmp_path: Path, heard: Heard) -> None:
    """The error names the file; what it holds is text to whoever has the tokenizer, so nobody else may read it."""
    from safetensors.torch import load_file, save_file
    from transformers import AutoTokenizer

    broken = shutil.copytree(base, tmp_path / "base")
    token = AutoTokenizer.from_pretrained(base).encode("§")[0]
    weights = load_file(broken / "model.safetensors")
    weights["model.embed_tokens.weight"][token] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    corpus = write_corpus(tmp_path / "c", [*SENTENCES[:10], f"{CANARY} § {CANARY}"])
    with pytest.raises(ClueplusError, match="the loss is nan") as caught:
        train_expert(dapt(batch=1, max_length=96), broken, corpus, tmp_path / "out", heard)
    path = Path(re.search(r"are in (\S+)\.", str(caught.value))[1])
    assert CANARY not in str(caught.value)
    assert any(token in row for batch in json.loads(path.read_text())["input_ids"] for row in batch)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(work_folder(tmp_path / "out").stat().st_mode) == 0o700
    assert not (tmp_path / "out").exists()
    assert all(state.loss == state.loss for state in heard.states), "no step was taken with it"


def test_a_gradient_that_is_no_number_stops_before_it_is_saved(
    base: Path, corpus: Path, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Trainer

    monkeypatch.setattr(Trainer, "_get_grad_norm", lambda self, *_, **__: float("inf"))
    with pytest.raises(ClueplusError, match="stopped at step 1: the norm of the gradient is inf"):
        train_expert(SPEC, base, corpus, tmp_path / "out", heard)
    assert not list(work_folder(tmp_path / "out").rglob("whole.json"))


def test_a_checkpoint_that_is_not_the_model_stops_at_the_first_step(
    base: Path, corpus: Path, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Trainer

    save = Trainer._save

    def forgetful(self: Any, output_dir: str, **options: Any) -> None:
        save(self, output_dir, **options)
        shutil.copyfile(base / "model.safetensors", Path(output_dir) / "model.safetensors")

    monkeypatch.setattr(Trainer, "_save", forgetful)
    with pytest.raises(ClueplusError, match="the first checkpoint is not the model that was saved"):
        train_expert(SPEC, base, corpus, tmp_path / "out", heard)
    assert [state.step for state in heard.states] == [1]


def test_too_little_space_is_told_at_the_first_step(
    base: Path, corpus: Path, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12, 10**6))
    with pytest.raises(ClueplusError, match=r"has 0\.0 GB left, and this training needs"):
        train_expert(SPEC, base, corpus, tmp_path / "out", heard)
    assert [state.step for state in heard.states] == [1]


def test_a_full_disk_leaves_the_last_good_checkpoint_to_go_on_from(
    base: Path, corpus: Path, undisturbed: str, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Trainer

    save = Trainer._save_rng_state

    def full(self: Any, output_dir: str) -> None:
        if self.state.global_step == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(self, output_dir)

    monkeypatch.setattr(Trainer, "_save_rng_state", full)
    out = tmp_path / "out"
    with pytest.raises(ClueplusError, match="is full; the checkpoint of step 2 is kept"):
        train_expert(SPEC, base, corpus, out, heard)
    assert sorted(path.name for path in work_folder(out).rglob("checkpoint-*")) == ["checkpoint-1", "checkpoint-2"]
    monkeypatch.undo()
    again = Heard()
    trained = train_expert(SPEC, base, corpus, out, again)
    assert again.notes == ["phase1 goes on from step 2"]
    assert again.states[0].step == 3
    assert checkpoint_digest(out) == undisturbed
    rows = metrics(out)
    told = [row["step"] for row in rows]
    assert told == [0, *range(1, trained.steps + 1), trained.steps], (
        "no step twice, none missing; held out at both ends"
    )
    assert rows[-2]["tokens"] == trained.tokens
    assert trained.losses["phase1_first"] == rows[1]["loss"]
    assert trained.losses["held_out_before"] == rows[0]["held_out_loss"]


def test_the_libraries_say_nothing_and_are_left_as_they_were(
    base: Path, corpus: Path, tmp_path: Path, heard: Heard, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    import datasets
    import torch
    from huggingface_hub import constants
    from transformers.utils import logging as transformers_logging

    def settings() -> list[Any]:
        levels = [logging.getLogger(name).level for name in ("transformers", "trl", "accelerate", "datasets", "peft")]
        bars = transformers_logging.is_progress_bar_enabled(), datasets.are_progress_bars_disabled()
        return [*levels, *bars, torch.are_deterministic_algorithms_enabled(), os.environ.get("TQDM_DISABLE")]

    before = settings()
    capfd.readouterr()
    train_expert(dapt(steps=1), base, corpus, tmp_path / "out", heard)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert settings() == before
    assert constants.HF_HUB_DISABLE_TELEMETRY


def test_a_launcher_does_not_change_the_precision(
    base: Path, corpus: Path, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    with pytest.raises(ClueplusError, match="computes in bf16, and this training in float32"):
        train_expert(dapt(steps=1), base, corpus, tmp_path / "out", heard)


def test_a_known_peak_gives_a_used_share(
    base: Path, corpus: Path, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clueplus.training.trainer import loop
    from clueplus.training.trainer.throughput import Peak

    monkeypatch.setattr(loop, "peak_here", lambda training: Peak(1e12, None))
    trained = train_expert(dapt(steps=3), base, corpus, tmp_path / "out", heard)
    shares = [state.mfu / state.tokens_per_second for state in heard.states]
    assert max(shares) == pytest.approx(min(shares))
    assert trained.facts["mfu"] == pytest.approx(shares[0] * trained.facts["tokens_per_second"])
    assert 6 * 200_000 < shares[0] * 1e12 < 6 * 400_000, "six operations a weight and token, and attention's"
