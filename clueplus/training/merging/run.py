"""Merging: tensor by tensor from the checkpoints to a new one."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clueplus import __version__
from clueplus.errors import ClueplusError
from clueplus.files import canonical_json, sha256
from clueplus.training.merging.checkpoint import DTYPES, Checkpoint
from clueplus.training.merging.config import as_mergekit
from clueplus.training.merging.loading import Source, Stored, enough_memory, stream
from clueplus.training.merging.methods import METHODS
from clueplus.training.merging.methods.slerp import DirectionError
from clueplus.training.merging.operands import Expert, Merged, Operands
from clueplus.training.merging.output import ShardWriter, Slot, check_place, new_folder, write_synced
from clueplus.training.merging.plan import Plan
from clueplus.training.merging.report import InputRecord, MergeReport, TensorRecord, summarize, weights_digest
from clueplus.training.merging.settings import RULES
from clueplus.training.merging.whole_model import WholeModelCuts

if TYPE_CHECKING:
    from torch import Tensor

REPORT, EXCHANGE = "merge_report.json", "mergekit_config.yml"
Progress = Callable[[int, int], None]


def merge(plan: Plan, out: Path, progress: Progress = lambda done, total: None) -> MergeReport:
    """Merges to the folder `out`, which appears when it is whole.

    Args:
        plan: of `make_plan`.
        out: a new or an empty folder.
        progress: gets the number of tensors that are done, and of all.

    Raises:
        StoreError: `out` holds something, can't be written, or the disk is full.
        DataError: a tensor can't be read or holds no finite numbers.
        ClueplusError: a method is not defined for a tensor.
    """
    check_place(out, plan.output_bytes)
    started = time.monotonic()
    with new_folder(out) as folder:
        merging = _Merging(plan)
        with ShardWriter(folder, plan.shards) as writer:
            for done, (slot, merged) in enumerate(merging.tensors(), 1):
                merging.record(slot, merged, writer.write(slot.name, merged.tensor.cpu()))
                progress(done, len(plan.slots))
            writer.finish()
        for name, content in plan.files.items():
            write_synced(folder / name, content)
        report = merging.report(time.monotonic() - started)
        write_synced(folder / EXCHANGE, as_mergekit(plan.config).encode())
        write_synced(folder / REPORT, (report.model_dump_json(indent=2) + "\n").encode())
    return report


def merge_in_memory(plan: Plan, source: Source = stream) -> dict[str, Tensor]:
    """The merged tensors by name, on the device of the configuration: for a search, whose candidates need no disk.

    Args:
        plan: of `make_plan`.
        source: `Resident(plan).stream` for inputs that are read once for many merges.

    Raises:
        DataError: see `merge`.
        ClueplusError: see `merge`.
    """
    return {slot.name: merged.tensor for slot, merged in _Merging(plan, source).tensors()}


class _Merging:
    """The tensors of a plan, one after the other, and what is told of them."""

    def __init__(self, plan: Plan, source: Source = stream) -> None:
        self._plan, self._source = plan, source
        self._cuts = WholeModelCuts(plan, source) if plan.config.scope == "global" else None
        self._inputs: dict[str, dict[str, tuple[str, Sequence[int], str]]] = {one.name: {} for one in plan.checkpoints}
        self._records: list[TensorRecord] = []

    def tensors(self) -> Iterator[tuple[Slot, Merged]]:
        """Each slot and its merged tensor."""
        slots = {slot.name: slot for slot in self._plan.slots}
        with enough_memory(self._plan):
            for name, stored in self._source(self._plan, self._plan.checkpoints):
                for model, one in stored.items():
                    entry = self._checkpoint(model).entries[name]
                    self._inputs[model][name] = (entry.dtype, entry.shape, one.sha256)
                yield slots[name], self._merge(slots[name], stored)

    def _checkpoint(self, model: str) -> Checkpoint:
        return next(one for one in self._plan.checkpoints if one.name == model)

    def _merge(self, slot: Slot, stored: Mapping[str, Stored]) -> Merged:
        import torch

        plan, name = self._plan, slot.name
        order, operands = _operands(plan, slot, stored, getattr(torch, DTYPES[slot.dtype][0]))
        if self._cuts is not None:
            cuts = [self._cuts.take(number, operands, place) for place, number in enumerate(order)]
            experts = [
                replace(one, top=top, outliers=out) for one, (top, out) in zip(operands.experts, cuts, strict=True)
            ]
            operands = replace(operands, experts=experts)
        try:
            merged = METHODS[plan.config.merge_method](operands)
        except DirectionError as error:
            raise ClueplusError(f"{name}: {error}", fix="merge with linear, or leave that model out") from error
        except OverflowError as error:
            raise ClueplusError(f"{name}: {error}", fix="dtype: bfloat16 or float32, or less weight") from error
        if merged.kept:  # back in the order of the configuration
            merged.kept = [merged.kept[order.index(number)] for number in range(len(order))]
        return merged

    def record(self, slot: Slot, merged: Merged, digest: str) -> None:
        """Notes what the report tells of a tensor."""
        models = [one.name for one in self._plan.experts]
        self._records.append(
            TensorRecord(
                name=slot.name,
                shape=list(slot.shape),
                dtype=DTYPES[slot.dtype][0],
                cosine_to_base=merged.cosine,
                kept=dict(zip(models, merged.kept, strict=True)) if merged.kept else None,
                survival=merged.survival,
                rule=merged.rule,
                sha256=digest,
            )
        )

    def report(self, seconds: float) -> MergeReport:
        """Everything about the merge."""
        plan = self._plan
        rule, config = RULES[plan.config.merge_method], plan.config.model_dump(mode="json", exclude={"path"})
        slots = {slot.name: slot for slot in plan.slots}
        output = {one.name: (slots[one.name].dtype, one.shape, one.sha256) for one in self._records}
        return MergeReport(
            method=plan.config.merge_method,
            dtype=self._records[0].dtype,
            seed=plan.config.seed if rule.seeded else None,
            scope=plan.config.scope if rule.scoped else None,
            device=plan.config.device,
            config=config,
            config_sha256=sha256(canonical_json(config)),
            versions=_versions(),
            inputs=[
                InputRecord(
                    model=one.name,
                    role="base" if plan.base is one else "expert",
                    weights=weights_digest(self._inputs[one.name]),
                )
                for one in plan.checkpoints
            ],
            weights=weights_digest(output),
            parameters=sum(one.numel for one in plan.leading.entries.values()),
            seconds=round(seconds, 3),
            notes=plan.notes,
            summary=summarize(self._records, has_base=plan.base is not None),
            tensors=self._records,
        )


def _operands(plan: Plan, slot: Slot, stored: Mapping[str, Stored], dtype: Any) -> tuple[list[int], Operands]:
    """The experts' numbers in the order in which they are merged, and what is merged.

    The order is that of the tensors' digests, and an expert's random numbers come from its digest: so neither the
    order of the models in the configuration nor the names of their folders change a bit of the result.
    """
    numbers = plan.numbers[slot.name]
    digests = [stored[one.name].sha256 for one in plan.experts]
    order = sorted(range(len(digests)), key=lambda number: (digests[number], numbers[number]))
    experts, seen = [], dict.fromkeys(digests, 0)
    for number in order:
        digest = digests[number]
        key = sha256(canonical_json([plan.config.seed, slot.name, digest, seen[digest]]))
        seen[digest] += 1
        experts.append(Expert(stored[plan.experts[number].name].tensor, *numbers[number], key=int(key[:16], 16)))
    return order, Operands(
        stored[plan.base.name].tensor if plan.base else None,
        experts,
        dtype,
        factor=plan.factor[slot.name],
        t=plan.t[slot.name],
        normalize=plan.normalize,
        scope=plan.config.scope,
    )


def _versions() -> dict[str, str]:
    found = {"clueplus": __version__, "python": platform.python_version()}
    for package in ("torch", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
