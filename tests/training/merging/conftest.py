"""Small checkpoints, made without a model: what a merge reads is names, shapes, config and tokenizer files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file

from clueplus.training.merging.config import MergeConfig, read_config

SHAPES = {
    "lm_head.weight": (40, 8),
    "model.embed_tokens.weight": (40, 8),
    "model.layers.0.mlp.up_proj.weight": (24, 8),
    "model.layers.0.norm.weight": (8,),
    "model.layers.1.mlp.up_proj.weight": (24, 8),
    "model.layers.1.norm.weight": (8,),
    "model.scale": (1,),
}
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "eos_token_id": 2,
}
TEMPLATE = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
TOKENIZER = {
    "model": {"vocab": {"a": 0, "b": 1}},
    "added_tokens": [{"id": 2, "content": "</s>"}, {"id": 3, "content": "<|end|>"}],
}


def weights(seed: int, dtype: torch.dtype = torch.bfloat16, spread: float = 0.02) -> dict[str, torch.Tensor]:
    start, noise = torch.Generator().manual_seed(0), torch.Generator().manual_seed(seed)
    return {
        name: (torch.randn(shape, generator=start) + spread * bool(seed) * torch.randn(shape, generator=noise)).to(
            dtype
        )
        for name, shape in SHAPES.items()
    }


def write(folder: Path, tensors: dict[str, torch.Tensor], config: dict | None = None, shards: int = 1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG | (config or {})))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 2}))
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE, "eos_token": "</s>"}))
    names = sorted(tensors)
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return folder
    where = {name: f"model-{at % shards + 1:05}-of-{shards:05}.safetensors" for at, name in enumerate(names)}
    for file in set(where.values()):
        save_file({name: tensors[name] for name in names if where[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return folder


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds base, one, two and three, and is the current one."""
    for seed, name in enumerate(("base", "one", "two", "three")):
        write(tmp_path / name, weights(seed))
    monkeypatch.chdir(tmp_path)
    return tmp_path


Configure = Callable[..., MergeConfig]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """A configuration of a method for base, one, two and three, with other keys in their place."""

    def configure(method: str, parameters: dict | None = None, **keys: object) -> MergeConfig:
        content = {
            "merge_method": method,
            "base_model": "base",
            "models": [{"model": name} for name in ("one", "two", "three")],
            "parameters": {"weight": 0.4} if parameters is None else parameters,
        }
        content |= keys
        path = tmp_path / "merge.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
        return read_config(path)

    return configure
