"""The files that a checkpoint consists of, as `save_pretrained` names them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clueplus.errors import DataError

CONFIG, GENERATION_CONFIG = "config.json", "generation_config.json"
INDEX = "model.safetensors.index.json"
VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
TOKENIZER_FILES = (
    *VOCABULARIES,
    *("merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("chat_template.jinja", "chat_template.json"),
)


def weight_files(folder: Path, name: str) -> list[Path]:
    """The safetensors files of a checkpoint: those of its index, or all there are.

    Args:
        folder: of the checkpoint.
        name: how errors call it.

    Raises:
        DataError: there is none, or the index names one that is absent.
    """
    if (folder / INDEX).is_file():
        files = [folder / file for file in sorted(set(weight_map(folder, name).values()))]
    else:
        files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise DataError(
            f"{name} has no safetensors file", fix="save it with save_pretrained(..., safe_serialization=True)"
        )
    absent = [file.name for file in files if not file.is_file()]
    if absent:
        raise DataError(
            f"{name}: {len(absent)} of {len(files)} shards are missing, the first is {absent[0]}",
            fix=f"copy it to {folder}",
        )
    return files


def weight_map(folder: Path, name: str) -> dict[str, str]:
    """The file of each tensor, as the index of a sharded checkpoint tells it.

    Raises:
        DataError: the index can't be read.
    """
    found = read_json(folder, INDEX, name).get("weight_map", {})
    if not isinstance(found, dict) or not all(isinstance(file, str) for file in found.values()):
        raise DataError(f"{folder / INDEX}: weight_map names no file for each tensor", fix="copy it again")
    return found


def read_json(folder: Path, file: str, name: str) -> dict[str, Any]:
    """A JSON object of a checkpoint's folder; `name` is how errors call the checkpoint.

    Raises:
        DataError: there is no such file, or it holds no object.
    """
    path = folder / file
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{name} is no checkpoint: it has no {file}", fix="give a saved model's folder") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read as JSON ({type(error).__name__})", fix="copy it again") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no JSON object", fix="copy it again")
    return content
