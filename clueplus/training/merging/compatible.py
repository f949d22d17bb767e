"""Whether checkpoints can be merged: one architecture, the same tensors of the same shapes, the same words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from clueplus.errors import DataError
from clueplus.training.merging.checkpoint import Checkpoint

# What tells one network from another beside the shapes of its tensors.
_SAME = (
    "model_type",
    "architectures",
    "num_attention_heads",
    "num_key_value_heads",
    "hidden_act",
    "tie_word_embeddings",
)
# Weights learned under another value of these still fit, and mean something else; the leading model's is carried.
_TOLD = (
    *("rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor", "sliding_window"),
    *("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "max_position_embeddings"),
)
_VOCABULARY = ("embed", "lm_head", "wte")


def check_compatible(checkpoints: Sequence[Checkpoint]) -> None:
    """Compares every checkpoint with the first.

    Raises:
        DataError: another architecture, a missing tensor, another vocabulary or shape.
    """
    first = checkpoints[0]
    for other in checkpoints[1:]:
        _check_config(first, other)
        _check_names(first, other)
        for name, entry in first.entries.items():
            found = other.entries[name].shape
            if found == entry.shape:
                continue
            if any(word in name for word in _VOCABULARY) and found[1:] == entry.shape[1:]:
                raise DataError(
                    f"the vocabularies differ: {entry.shape[0]:,} tokens in {first.name}, {found[0]:,} in {other.name}",
                    fix="resize one model's embeddings to the other's tokenizer before merging",
                )
            raise DataError(
                f"{name} has the shape {list(entry.shape)} in {first.name} and {list(found)} in {other.name}",
                fix="merge checkpoints of one architecture and size",
            )


def _check_config(first: Checkpoint, other: Checkpoint) -> None:
    for key in _SAME:
        ours, theirs = first.config.get(key), other.config.get(key)
        if ours != theirs and ours is not None and theirs is not None:
            raise DataError(
                f"{key} is {_plain(ours)} in {first.name} and {_plain(theirs)} in {other.name}",
                fix="merge checkpoints of one architecture and size",
            )


def config_notes(leading: Checkpoint, others: Iterable[Checkpoint]) -> list[str]:
    """Notes about settings of a network that differ from those that are carried."""
    return [
        f"{key} of {other.name} differs from that of {leading.name}, which is carried"
        for other in others
        for key in _TOLD
        if leading.config.get(key) != other.config.get(key)
    ]


def _check_names(first: Checkpoint, other: Checkpoint) -> None:
    for one, two in ((first, other), (other, first)):
        missing = sorted(set(one.entries) - set(two.entries))
        if missing:
            raise DataError(
                f"{two.name} lacks {len(missing)} tensors of {one.name}, the first is {missing[0]}",
                fix="merge whole checkpoints of one architecture; adapters have to be merged into their model first",
            )


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def check_tokens(source: Checkpoint, others: Iterable[Checkpoint]) -> list[str]:
    """Notes about tokenizers that differ from the one that is carried.

    Raises:
        DataError: one id is another token in another model, so that rows of the embeddings mean different things.
    """
    notes = []
    carried = _tokens(source)
    for other in others:
        theirs = _tokens(other)
        if not carried or not theirs:
            continue
        different = [number for number in carried.keys() & theirs.keys() if carried[number] != theirs[number]]
        if different:
            raise DataError(
                f"{len(different)} token ids mean other tokens in {other.name} than in {source.name}, the first is "
                f"{min(different)}",
                fix="merge models with one vocabulary",
            )
        more = len(theirs.keys() - carried.keys())
        if more:
            notes.append(f"{other.name} has {more} tokens that the carried tokenizer, of {source.name}, does not know")
    return notes


def _tokens(checkpoint: Checkpoint) -> dict[int, str]:
    """Token by id; empty where there is no tokenizer.json that can be read."""
    try:
        content = json.loads((checkpoint.folder / "tokenizer.json").read_text(encoding="utf-8"))
        vocabulary = content["model"]["vocab"]
        added = {entry["id"]: entry["content"] for entry in content.get("added_tokens", [])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    if isinstance(vocabulary, dict):
        return {number: token for token, number in vocabulary.items()} | added
    return {number: token for number, (token, *_) in enumerate(vocabulary)} | added
