"""The checkpoint that a training starts from: looked at before a weight is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from clueplus.errors import DataError, one_line
from clueplus.training.checkpoint_files import (
    CONFIG,
    GENERATION_CONFIG,
    TOKENIZER_FILES,
    VOCABULARIES,
    read_json,
    weight_files,
)

# Copied as they are, so that a checkpoint is spoken to like its base.
CARRIED = (*TOKENIZER_FILES, GENERATION_CONFIG)


class Base(NamedTuple):
    """A checkpoint to train from; `eos` is its tokenizer's end-of-sequence token, `digest` the sha256 of its files."""

    folder: Path
    tokenizer: Any
    eos: int
    digest: str


def read_base(folder: Path, max_length: int) -> Base:
    """Checks that `folder` is a whole checkpoint with a tokenizer that fits it, and loads the tokenizer.

    Args:
        folder: config, safetensors weights and tokenizer, as `save_pretrained` leaves them.
        max_length: of the longest sequence to be trained, in tokens.

    Raises:
        DataError: something is missing, the tokenizer has more tokens than the model, or the sequences are longer than
            the model's context.
    """
    config = read_json(folder, CONFIG, str(folder))
    weights = weight_files(folder, str(folder))
    tokenizer = _load_tokenizer(folder)
    _check_fit(folder, config, tokenizer)
    context = config.get("max_position_embeddings")
    if context is not None and max_length > context:
        raise DataError(
            f"sequences of {max_length} tokens are longer than the context of {folder}, {context}",
            fix=f"max_length: {context}, or a base with a longer context",
        )
    files = [folder / CONFIG, *weights, *(folder / name for name in CARRIED)]
    return Base(folder, tokenizer, tokenizer.eos_token_id, digest(files))


def digest(files: Iterable[Path]) -> str:
    """The sha256 of the names and contents of those `files` that exist."""
    found = hashlib.sha256()
    for path in files:
        if path.is_file():
            with path.open("rb") as file:
                found.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return found.hexdigest()


def _load_tokenizer(folder: Path) -> Any:
    fix = "save the tokenizer of the base beside its weights"
    if not any((folder / name).is_file() for name in VOCABULARIES):
        raise DataError(f"{folder} has no tokenizer", fix=fix)
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except Exception as error:  # OSError, ValueError, and those of the tokenizers library
        raise DataError(f"the tokenizer of {folder} can't be loaded: {one_line(str(error))[:200]}", fix=fix) from error
    if tokenizer.eos_token_id is None:
        raise DataError(f"the tokenizer of {folder} has no end-of-sequence token", fix="set eos_token in its files")
    return tokenizer


def _check_fit(folder: Path, config: dict[str, Any], tokenizer: Any) -> None:
    # Padded vocabularies are common: a model may have rows for tokens that no tokenizer gives, never the reverse.
    rows, highest = config.get("vocab_size"), max(tokenizer.get_vocab().values())
    if rows is not None and highest >= rows:
        raise DataError(
            f"the tokenizer of {folder} has token {highest}, and its model {rows} embeddings: they are of two models",
            fix="put the tokenizer beside the weights that it was trained with",
        )
