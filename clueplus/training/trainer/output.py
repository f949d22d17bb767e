"""The checkpoint that a training leaves: whole, in its own precision, and spoken to like its base."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from clueplus.files import write_atomic
from clueplus.training.checkpoint_files import CONFIG, INDEX, weight_files
from clueplus.training.trainer.base import CARRIED
from clueplus.training.trainer.metrics import EVENTS, METRICS


def finish(model: Path, base: Path, work: Path, out: Path, dtype: str) -> None:
    """Makes `out` appear: weights, config, tokenizer and generation config, metrics.

    Weights come from `model`, everything else from `base`, as its files are: saving a tokenizer again may write it in
    another form, and trainers change special tokens in configs.

    Args:
        model: with safetensors weights in float32.
        base: the checkpoint that training started from.
        work: with the metrics.
        out: must not exist.
        dtype: that the weights are stored in.
    """
    made = work / "out"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    for path in weight_files(model, str(model)):
        _convert(path, made / path.name, dtype)
    _write_index(model, made)
    _write_config(base, made, dtype)
    for name in CARRIED:
        if (base / name).is_file():
            shutil.copyfile(base / name, made / name)
    shutil.copyfile(work / METRICS, made / METRICS)
    (made / EVENTS).mkdir()
    for number, path in enumerate(sorted((work / EVENTS).iterdir())):
        # Their own names hold the host's.
        shutil.copyfile(path, made / EVENTS / f"events.out.tfevents.{number}")
    made.rename(out)


def _convert(source: Path, target: Path, dtype: str) -> None:
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    wanted = getattr(torch, dtype)
    with safe_open(source, framework="pt") as file:
        tensors = {name: file.get_tensor(name).to(wanted) for name in file.keys()}  # noqa: SIM118 no mapping
    save_file(tensors, target, metadata={"format": "pt"})


def _write_index(model: Path, made: Path) -> None:
    if not (model / INDEX).is_file():
        return
    index: dict[str, Any] = json.loads((model / INDEX).read_text(encoding="utf-8"))
    sizes = sum(path.stat().st_size for path in made.glob("*.safetensors"))
    index["metadata"] = {"total_size": sizes}
    write_atomic(made / INDEX, json.dumps(index, indent=2, sort_keys=True) + "\n")


def _write_config(base: Path, made: Path, dtype: str) -> None:
    config = json.loads((base / CONFIG).read_text(encoding="utf-8"))
    key = "torch_dtype" if "torch_dtype" in config else "dtype"
    # The weights are those of transformers' own class; code that the base brought along is not carried.
    config = {name: value for name, value in config.items() if name != "auto_map"} | {key: dtype}
    write_atomic(made / CONFIG, json.dumps(config, indent=2, sort_keys=True) + "\n")
