"""The tensors of one name from all checkpoints, read ahead while the ones before are merged, or held in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from clueplus.errors import ClueplusError, DataError
from clueplus.training.merging.buffers import Buffers
from clueplus.training.merging.checkpoint import DTYPES, Checkpoint
from clueplus.training.merging.plan import Plan, read_ahead

if TYPE_CHECKING:
    from torch import Tensor

_READERS = 4
Tensors = Iterator[tuple[str, Mapping[str, "Stored"]]]
# Where a merge takes its tensors from: those of some checkpoints of a plan, in the order of the plan.
Source = Callable[[Plan, Sequence[Checkpoint]], Tensors]


class Stored(NamedTuple):
    """A tensor as it is stored, on the device of the merge, the sha256 of its bytes, and the memory that was lent."""

    tensor: Tensor
    sha256: str
    buffer: Tensor | None = None


def load(checkpoint: Checkpoint, name: str, device: str, buffers: Buffers) -> Stored:
    """Reads a tensor; its bytes are hashed and checked while they are in the processor's cache.

    Raises:
        DataError: it can't be read, or holds values that are infinite or no numbers.
    """
    import torch

    entry = checkpoint.entries[name]
    dtype = getattr(torch, DTYPES[entry.dtype][0])
    buffer = buffers.take(entry.stop - entry.start)
    memory = buffer[: entry.stop - entry.start]
    digest = hashlib.sha256()
    for piece in checkpoint.read(name, memory):
        digest.update(memoryview(piece.numpy()))
        if not all(map(torch.isfinite, torch.aminmax(piece.view(dtype)))):
            raise DataError(
                f"{name} of {checkpoint.name} holds values that are infinite or no numbers",
                fix="look at how that checkpoint was trained or saved",
            )
    tensor = memory.view(dtype).reshape(entry.shape)
    if device == "cpu":
        return Stored(tensor, digest.hexdigest(), buffer)
    moved = tensor.to(device)
    buffers.give(buffer)
    return Stored(moved, digest.hexdigest())


@contextmanager
def enough_memory(plan: Plan) -> Iterator[None]:
    """Tells a user where an accelerator's memory does not do.

    Raises:
        ClueplusError: so it is.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ClueplusError(
            f"{plan.config.path}: device: {plan.config.device} has not enough memory for this merge", fix="device: cpu"
        ) from error


def stream(plan: Plan, checkpoints: Sequence[Checkpoint]) -> Tensors:
    """Each name with its tensors by checkpoint, in the order of the plan; they are gone when the next is asked for.

    The next ones are read while the caller works, where they are small.
    """
    names, most, buffers = [slot.name for slot in plan.slots], read_ahead(plan), Buffers()
    sizes = {slot.name: plan.loaded(slot) for slot in plan.slots}
    with ThreadPoolExecutor(min(_READERS, len(checkpoints)), "merge-read") as pool:

        def ask(name: str) -> dict[str, Future[Stored]]:
            return {one.name: pool.submit(load, one, name, plan.config.device, buffers) for one in checkpoints}

        asked: dict[str, Future[Stored]] | None = None
        try:
            for at, name in enumerate(names):
                asked = asked or ask(name)
                found = {model: future.result() for model, future in asked.items()}
                following = names[at + 1] if at + 1 < len(names) else None
                asked = ask(following) if following is not None and sizes[following] <= most else None
                yield name, found
                for one in found.values():
                    if one.buffer is not None:
                        buffers.give(one.buffer)
                found.clear()  # before the next ones are read, or two embedding matrices of every model are in memory
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class Resident:
    """The tensors of a plan's checkpoints, held on its device: a search merges them again and again without a disk.

    Raises:
        DataError: a tensor can't be read or holds no finite numbers.
        ClueplusError: they do not fit the device.
    """

    def __init__(self, plan: Plan) -> None:
        self._device = plan.config.device
        self._held: dict[Path, dict[str, Stored]] = {}
        buffers = Buffers()  # on the CPU each is kept; for an accelerator they carry one tensor after the other
        with ThreadPoolExecutor(_READERS, "merge-read") as pool, enough_memory(plan):
            for one in plan.checkpoints:
                loaded = pool.map(partial(load, one, device=self._device, buffers=buffers), one.entries)
                self._held[one.folder] = dict(zip(one.entries, loaded, strict=True))

    def stream(self, plan: Plan, checkpoints: Sequence[Checkpoint]) -> Tensors:
        """A `Source`.

        Raises:
            ClueplusError: the plan has another device, or a checkpoint that is not held.
        """
        absent = [one.name for one in checkpoints if one.folder not in self._held]
        if absent or plan.config.device != self._device:
            raise ClueplusError(
                f"{plan.config.path}: {', '.join(absent) or 'another device'} is not what was loaded on {self._device}",
                fix="merge the models that were loaded, on the device that holds them",
            )
        for slot in plan.slots:
            yield slot.name, {one.name: self._held[one.folder][slot.name] for one in checkpoints}
