"""How many tokens a text has, to the tokenizer of the model that is to be trained on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clueplus.errors import ClueplusError

Count = Callable[[str], int]


def token_counter(folder: Path) -> Count:
    """A function that counts the tokens of a text, without special ones.

    Args:
        folder: of a tokenizer or a checkpoint, with `tokenizer.json`.

    Raises:
        ClueplusError: there is no tokenizer in it, or what reads it is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ClueplusError("tokenizers is not installed", fix="pip install 'clueplus[train]'") from error
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises a bare Exception for what is no tokenizer
        raise ClueplusError(f"{path}: no tokenizer can be read there", fix="name a checkpoint's folder") from error
    tokenizer.no_truncation()  # it is saved with the tokenizer, and would count what a model sees of a text
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
