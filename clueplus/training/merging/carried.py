"""The files of a checkpoint beside its weights: carried from one model, with what a merge must change in them."""

from __future__ import annotations

import json
from typing import Any

from clueplus.training.checkpoint_files import TOKENIZER_FILES
from clueplus.training.merging.checkpoint import Checkpoint
from clueplus.training.merging.end_token import end_token


def carried_files(
    base: Checkpoint, tokenizer: Checkpoint, generation: Checkpoint, dtype: str
) -> tuple[dict[str, bytes], list[str]]:
    """Contents by file name, and notes about what was changed.

    Args:
        base: gives config.json, and code files that it names.
        tokenizer: gives the tokenizer's files and the chat template.
        generation: gives generation_config.json.
        dtype: of the merged weights, as torch calls it.
    """
    files = {
        name: (tokenizer.folder / name).read_bytes() for name in TOKENIZER_FILES if (tokenizer.folder / name).is_file()
    }
    config = dict(base.config)
    config["torch_dtype" if "torch_dtype" in config else "dtype"] = dtype
    config.pop("_name_or_path", None)
    files["config.json"] = _text(config)
    if "auto_map" in config:
        files |= {path.name: path.read_bytes() for path in sorted(base.folder.glob("*.py"))}
    settings, notes = _generation_config(generation, config, end_token(tokenizer.folder))
    return files | {"generation_config.json": _text(settings)}, notes


def _generation_config(source: Checkpoint, config: dict[str, Any], end: int | None) -> tuple[dict[str, Any], list[str]]:
    """The generation config with the chat template's end token among those that end an answer.

    Without it a merged model runs on after its answer, wherever nobody gives the token as a stop string.
    """
    path = source.folder / "generation_config.json"
    if path.is_file():
        settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    else:
        settings = {
            key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id") if config.get(key) is not None
        }
    given = settings.get("eos_token_id")
    ends = given if isinstance(given, list) else [] if given is None else [given]
    if end is None:
        return settings, ["no end token was found in the chat template: check eos_token_id in generation_config.json"]
    if end in ends:
        return settings, []
    settings["eos_token_id"] = [*ends, end] if ends else end
    return settings, [f"the chat template's end token {end} was missing in generation_config.json and is added"]


def _text(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
