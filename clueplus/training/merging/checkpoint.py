"""A checkpoint in safetensors: what it holds, and one tensor after the other in large reads."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from clueplus.errors import DataError
from clueplus.training.checkpoint_files import CONFIG, INDEX, read_json, weight_files, weight_map

if TYPE_CHECKING:
    from torch import Tensor

# The names of the floating types that can be merged, in safetensors and in torch, with bytes an entry.
DTYPES = {"F32": ("float32", 4), "F16": ("float16", 2), "BF16": ("bfloat16", 2)}
_LONGEST_HEADER = 100_000_000
# Bytes that are read at a time: what is done with them then finds them in the processor's cache.
_PIECE = 1 << 20


class Entry(NamedTuple):
    """Where a tensor is: `start` and `stop` are bytes of the file."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def numel(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)


class Checkpoint:
    """A folder with config.json and safetensors files, one or sharded by an index.

    Args:
        folder: of the checkpoint.
        name: how the configuration calls it.

    Raises:
        DataError: no config, no weights, a shard that is absent or cut off, a file that is no safetensors.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.config = read_json(folder, CONFIG, name)
        self.entries: dict[str, Entry] = {}
        for file in weight_files(folder, name):
            for tensor, entry in _entries(file, name).items():
                if tensor in self.entries:
                    raise DataError(
                        f"{name}: the tensor {tensor} is in two files", fix="remove weights of another save"
                    )
                self.entries[tensor] = entry
        self._check_index()
        # Tied embeddings: a head that is stored all the same is a copy, and is made again when the model is loaded.
        if self.config.get("tie_word_embeddings") is True:
            self.entries.pop("lm_head.weight", None)

    def _check_index(self) -> None:
        if (self.folder / INDEX).is_file():
            absent = sorted(set(weight_map(self.folder, self.name)) - set(self.entries))
            if absent:
                raise DataError(f"{self.name}: the index names {absent[0]}, which no shard holds", fix="copy it again")

    @property
    def layers(self) -> int:
        """How many layers its config tells; 1 where it tells none."""
        return int(self.config.get("num_hidden_layers") or self.config.get("n_layer") or 1)

    def read(self, tensor: str, memory: Tensor) -> Iterator[Tensor]:
        """Fills `memory`, flat bytes of the tensor's size, and yields each piece of it when it is there.

        Raises:
            DataError: the file ends early or can't be read.
        """
        entry = self.entries[tensor]
        try:
            with entry.file.open("rb", buffering=0) as file:
                file.seek(entry.start)
                for piece in memory.split(_PIECE) if memory.numel() else ():
                    view, done = memoryview(piece.numpy()), 0
                    while done < len(view):
                        got = file.readinto(view[done:])
                        if not got:
                            raise DataError(f"{entry.file} ends in the middle of {tensor}", fix="copy it again")
                        done += got
                    yield piece
        except OSError as error:
            raise DataError(f"can't read {entry.file}: {os.strerror(error.errno or 0)}", fix="copy it again") from error


def _entries(file: Path, model: str) -> dict[str, Entry]:
    """The tensors of a file by name, checked against its size."""
    size = file.stat().st_size
    broken = DataError(f"{file} is no whole safetensors file", fix="copy it again")
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if not 2 <= length <= min(size - 8, _LONGEST_HEADER):
                raise broken
            header = json.loads(opened.read(length))
        header.pop("__metadata__", None)
        first = 8 + length
        found = {
            name: Entry(file, info["dtype"], tuple(info["shape"]), *(first + at for at in info["data_offsets"]))
            for name, info in header.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise broken from error
    for name, entry in found.items():
        if entry.stop > size or entry.start > entry.stop:
            raise broken
        if entry.dtype not in DTYPES:
            raise DataError(
                f"{model}: {name} has the type {entry.dtype}; only {', '.join(DTYPES)} can be merged",
                fix="take weights that are not quantised",
            )
        if entry.stop - entry.start != entry.numel * DTYPES[entry.dtype][1]:
            raise broken
    return found


def locate(name: str) -> Path:
    """The folder of a model: a folder's name as it is, or the snapshot of a hub id (`org/name` or `org/name@revision`).

    Raises:
        DataError: it is no folder, and the hub does not have it or can't be reached.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    repository, _, revision = name.partition("@")
    if repository.count("/") != 1 or repository.startswith((".", "/", "~")):
        raise DataError(f"no folder '{name}'", fix="give a checkpoint's folder or a hub id")
    try:
        from huggingface_hub import snapshot_download

        patterns = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "*.py"]
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=patterns))
    except Exception as error:  # the hub's own errors, of the network, and of a name that is none
        raise DataError(
            f"{name} is no folder here, and can't be had from the hub ({type(error).__name__})",
            fix="give a checkpoint's folder, or download it first",
        ) from error
