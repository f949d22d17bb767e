"""A new checkpoint's folder: it appears whole, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from clueplus.errors import StoreError
from clueplus.training.checkpoint_files import INDEX

if TYPE_CHECKING:
    from torch import Tensor

SHARD_BYTES = 5_000_000_000
# For the files beside the weights, and what a file system needs for itself.
_SPARE = 64 << 20


class Slot(NamedTuple):
    """A tensor that is to be written; `dtype` in the name of safetensors."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int


class Shard(NamedTuple):
    """One file and its tensors, in the order in which they are written."""

    file: str
    slots: Sequence[Slot]


def shards(slots: Sequence[Slot], most: int = SHARD_BYTES) -> list[Shard]:
    """Tensors in order, in files of at most `most` bytes; a larger tensor has a file of its own."""
    groups: list[list[Slot]] = []
    filled = 0
    for slot in slots:
        if not groups or (filled + slot.size > most and filled):
            groups.append([])
            filled = 0
        groups[-1].append(slot)
        filled += slot.size
    if len(groups) == 1:
        return [Shard("model.safetensors", groups[0])]
    return [Shard(f"model-{at:05}-of-{len(groups):05}.safetensors", group) for at, group in enumerate(groups, 1)]


def check_place(out: Path, size: int) -> None:
    """Refuses a folder that holds something, or a disk without room.

    Raises:
        StoreError: so it is.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StoreError(f"{out} exists", fix="choose another folder, or remove it: nothing is overwritten")
    parent = next(folder for folder in out.absolute().parents if folder.is_dir())
    free = shutil.disk_usage(parent).free
    if free < size + _SPARE:
        raise StoreError(
            f"the merged model takes {size / 1e9:.2f} GB and {parent} has {free / 1e9:.2f} GB free", fix="free space"
        )


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A hidden folder beside `out` that becomes `out` when the block ends well, and is removed when it does not.

    Raises:
        StoreError: the folder can't be made or written, or the disk is full.
    """
    temporary: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.unfinished-", dir=out.absolute().parent))
        temporary.chmod(0o755)
        yield temporary
        _sync(temporary)
        temporary.rename(out)  # over an empty folder, which rename replaces
        temporary = None
        _sync(out.absolute().parent)
    except OSError as error:
        raise StoreError(
            f"can't write {out}: {error.strerror or error}; nothing is left of it",
            fix="choose a folder that you may write to, with free space",
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class ShardWriter:
    """Writes tensors to their shards in the order of the plan, one while the next one is made; used in a with block."""

    def __init__(self, folder: Path, plan: Sequence[Shard]) -> None:
        self._folder, self._plan = folder, plan
        self._waiting = [(shard, slot) for shard in plan for slot in shard.slots]
        self._file: BinaryIO | None = None
        self._pool = ThreadPoolExecutor(1, "merge-write")
        self._pending: Future[None] | None = None

    def __enter__(self) -> ShardWriter:
        """Nothing is open yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Lets go of thread and file, whatever happened."""
        self._pool.shutdown()
        if self._file is not None:
            with contextlib.suppress(OSError):  # of a full disk, which was told before
                self._file.close()

    def write(self, name: str, tensor: Tensor) -> str:
        """Hashes the next tensor, contiguous and on the CPU, and has it written; returns the sha256 of its bytes.

        Raises:
            OSError: the tensor before could not be written.
        """
        import torch

        shard, slot = self._waiting.pop(0)
        assert (slot.name, slot.shape) == (name, tuple(tensor.shape)), "tensors come in the order of the plan"
        data = memoryview(tensor.reshape(-1).view(torch.uint8).numpy())
        self._wait()
        self._pending = self._pool.submit(self._put, shard, slot, data)
        return hashlib.sha256(data).hexdigest()

    def _put(self, shard: Shard, slot: Slot, data: memoryview) -> None:
        if slot is shard.slots[0]:
            self._close()
            self._file = (self._folder / shard.file).open("wb")
            self._file.write(_header(shard))
        assert self._file is not None
        self._file.write(data)

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()

    def _close(self) -> None:
        """Sees that the open file is on the disk."""
        if self._file is not None:
            with self._file as file:
                self._file = None
                file.flush()
                os.fsync(file.fileno())

    def finish(self) -> None:
        """Closes the last shard, and writes the index where there are several.

        Raises:
            OSError: a tensor could not be written.
        """
        self._wait()
        self._close()
        assert not self._waiting, "every tensor of the plan was written"
        if len(self._plan) > 1:
            where = {slot.name: shard.file for shard in self._plan for slot in shard.slots}
            total = sum(slot.size for shard in self._plan for slot in shard.slots)
            write_synced(self._folder / INDEX, _json({"metadata": {"total_size": total}, "weight_map": where}))


def _header(shard: Shard) -> bytes:
    place, content = 0, {"__metadata__": {"format": "pt"}}
    entries: dict[str, object] = {}
    for slot in shard.slots:
        entries[slot.name] = {
            "dtype": slot.dtype,
            "shape": list(slot.shape),
            "data_offsets": [place, place + slot.size],
        }
        place += slot.size
    text = json.dumps({**content, **entries}, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def write_synced(path: Path, content: bytes) -> None:
    """Writes a file of a folder that is not visible yet."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _json(content: Mapping[str, object]) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
