"""What is no base to train from."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError
from clueplus.training.experts.train import train_expert
from clueplus.training.trainer.base import read_base
from tests.support.training import SENTENCES, Heard, dapt, write_corpus


def _config(folder: Path, **fields: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def _without_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def _without_shard(folder: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")


def _without_eos(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token": None}))


def _spoil_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / "config.json").unlink(), "is no checkpoint: it has no config.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no safetensors file"),
        (_without_shard, "1 of 2 shards are missing, the first is model-00002-of-00002.safetensors"),
        (_without_tokenizer, "has no tokenizer"),
        (_spoil_tokenizer, "the tokenizer of .* can't be loaded"),
        (_without_eos, "has no end-of-sequence token"),
        (lambda folder: _config(folder, vocab_size=100), "they are of two models"),
        (lambda folder: _config(folder, max_position_embeddings=128), "longer than the context of .*, 128"),
    ],
)
def test_what_is_no_base_is_one_line(spoil: Callable[[Path], None], told: str, base: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(base, tmp_path / "base")
    spoil(folder)
    with pytest.raises(ClueplusError, match=told):
        read_base(folder, 256)


@pytest.mark.parametrize(
    "change",
    [{"num_hidden_layers": 3}, {"intermediate_size": 64}, {"architectures": ["Unknown"], "model_type": "unknown"}],
)
def test_weights_of_another_model_are_not_made_up(
    change: dict[str, Any], base: Path, tmp_path: Path, heard: Heard
) -> None:
    folder = shutil.copytree(base, tmp_path / "base")
    _config(folder, **change)
    with pytest.raises(ClueplusError, match=r"no weights that fit its config|can't be loaded"):
        train_expert(dapt(), folder, write_corpus(tmp_path / "c", SENTENCES[:3]), tmp_path / "out", heard)
