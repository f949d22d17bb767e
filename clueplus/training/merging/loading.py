"""The tensors of one name from all checkpoints, read ahead while the ones before are merged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from clueplus.errors import DataError
from clueplus.training.merging.checkpoint import Checkpoint
from clueplus.training.merging.plan import Plan, read_ahead

if TYPE_CHECKING:
    from torch import Tensor

_READERS = 4


class Stored(NamedTuple):
    """A tensor as it is stored, on the device of the merge, and the sha256 of its bytes."""

    tensor: Tensor
    sha256: str


def load(checkpoint: Checkpoint, name: str, device: str) -> Stored:
    """Reads a tensor.

    Raises:
        DataError: it can't be read, or holds values that are infinite or no numbers.
    """
    import torch

    tensor = checkpoint.read(name)
    digest = hashlib.sha256(memoryview(tensor.reshape(-1).view(torch.uint8).numpy())).hexdigest()
    moved = tensor.to(device)
    # A sum is finite only where every addend is; fp32 has room for the sum of any weights that work.
    if not torch.isfinite(moved.sum(dtype=torch.float32)):
        raise DataError(
            f"{name} of {checkpoint.name} holds values that are infinite or no numbers",
            fix="look at how that checkpoint was trained or saved",
        )
    return Stored(moved, digest)


def stream(plan: Plan, names: Sequence[str]) -> Iterator[tuple[str, dict[str, Stored]]]:
    """Each name with its tensors by checkpoint; the next ones are read while the caller works, where they are small."""
    sizes = {slot.name: plan.loaded(slot) for slot in plan.slots}
    most = read_ahead(plan)
    with ThreadPoolExecutor(min(_READERS, len(plan.checkpoints)), "merge-read") as pool:

        def ask(name: str) -> dict[str, Future[Stored]]:
            return {one.name: pool.submit(load, one, name, plan.config.device) for one in plan.checkpoints}

        asked: dict[str, Future[Stored]] | None = None
        try:
            for at, name in enumerate(names):
                asked = asked or ask(name)
                found = {model: future.result() for model, future in asked.items()}
                following = names[at + 1] if at + 1 < len(names) else None
                asked = ask(following) if following is not None and sizes[following] <= most else None
                yield name, found
                found.clear()  # before the next ones are read, or two embedding matrices of every model are in memory
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
