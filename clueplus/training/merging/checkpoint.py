"""A checkpoint in safetensors: what it holds, and one tensor after the other in large reads."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clueplus.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

INDEX = "model.safetensors.index.json"
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
        self.config = _json(folder, "config.json", name)
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
            absent = sorted(set(_weight_map(self.folder, self.name)) - set(self.entries))
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


def weight_files(folder: Path, name: str) -> list[Path]:
    """The safetensors files of a checkpoint: those of its index, or all there are.

    Args:
        folder: of the checkpoint.
        name: how errors call it.

    Raises:
        DataError: there is none, or the index names one that is absent.
    """
    if (folder / INDEX).is_file():
        files = [folder / file for file in sorted(set(_weight_map(folder, name).values()))]
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


def _weight_map(folder: Path, name: str) -> dict[str, str]:
    found = _json(folder, INDEX, name).get("weight_map", {})
    if not isinstance(found, dict) or not all(isinstance(file, str) for file in found.values()):
        raise DataError(f"{folder / INDEX}: weight_map names no file for each tensor", fix="copy it again")
    return found


def _json(folder: Path, file: str, name: str) -> dict[str, Any]:
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
