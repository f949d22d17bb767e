"""How many tokens a text has, to the tokenizer of the model that is to be trained on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clueplus.errors import ClueplusError

Count = Callable[[str], int]


def token_counter(folder: Path) -> Count:
    """A function that counts the tokens of a text, without special ones.

    Args:
        folder: of a tokenizer or a checkpoint.

    Raises:
        ClueplusError: there is no tokenizer in it, or what reads it is not installed.
    """
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise ClueplusError("transformers is not installed", fix="pip install 'clueplus[train]'") from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError) as error:
        raise ClueplusError(f"{folder}: no tokenizer can be read there", fix="give a checkpoint's folder") from error
    return lambda text: len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
