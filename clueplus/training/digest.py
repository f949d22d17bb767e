"""What a checkpoint is, as one hash: the files that decide what it answers, and not those that tell of its making."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from clueplus.errors import DataError
from clueplus.files import canonical_json, sha256
from clueplus.training.checkpoint_files import CONFIG, GENERATION_CONFIG, INDEX, TOKENIZER_FILES, weight_files

_CONFIGS = (CONFIG, GENERATION_CONFIG, *TOKENIZER_FILES)


def checkpoint_digest(folder: Path) -> str:
    """The sha256, in hex, of the canonical JSON of `checkpoint_files`.

    Raises:
        DataError: the folder holds no checkpoint, a shard is missing, or a file can't be read.
    """
    return sha256(canonical_json(checkpoint_files(folder)))


def checkpoint_files(folder: Path) -> dict[str, str]:
    """The sha256, in hex, of each file that a checkpoint consists of, by name.

    That are its weights with their index, config.json, generation_config.json, the tokenizer's files with the chat
    template, and code that the config names; whatever else lies there (lineage, card, training log, merge report,
    optimiser state) is left out. Files are read in pieces, so memory stays small whatever the weights.

    Raises:
        DataError: the folder holds no checkpoint, a shard is missing, or a file can't be read.
    """
    if not (folder / CONFIG).is_file():
        raise DataError(f"{folder} is no checkpoint: it has no config.json", fix="give a saved model's folder")
    named = [folder / name for name in (*_CONFIGS, INDEX)]
    files = [*weight_files(folder, str(folder)), *(file for file in named if file.is_file()), *folder.glob("*.py")]
    return {file.name: _sha256_of(file) for file in sorted(files)}


def _sha256_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"can't read {file}: {os.strerror(error.errno or 0)}", fix="copy it again") from error
