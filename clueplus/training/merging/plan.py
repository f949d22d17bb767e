"""A merge before it starts: checkpoints opened and compared, every parameter of every tensor checked, sizes told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from clueplus.errors import ClueplusError, did_you_mean
from clueplus.training.merging.carried import carried_files
from clueplus.training.merging.checkpoint import DTYPES, Checkpoint, Entry, locate
from clueplus.training.merging.compatible import check_compatible, check_tokens, config_notes
from clueplus.training.merging.config import MergeConfig, ModelEntry
from clueplus.training.merging.noise import POSITIONS
from clueplus.training.merging.output import SHARD_BYTES, Shard, Slot, shards
from clueplus.training.merging.select import kept_count, outlier_count
from clueplus.training.merging.settings import DEFAULTS, RULES, Numbers, check_range, check_together, number

_STORED = {torch: name for name, (torch, _) in DTYPES.items()}
# Interpreter, torch and the fp32 parts, beside whole tensors as they are stored.
_FIXED_MEMORY = 600 << 20
_NOTHING = 1e-12


@dataclass(frozen=True)
class Plan:
    """What will be merged. `base` is None only for methods that need none and configurations that give none."""

    config: MergeConfig
    base: Checkpoint | None
    experts: Sequence[Checkpoint]
    numbers: dict[str, list[Numbers]]
    t: dict[str, float]
    factor: dict[str, float]
    normalize: bool
    shards: Sequence[Shard]
    files: dict[str, bytes]
    notes: list[str]

    @property
    def leading(self) -> Checkpoint:
        """The base, or the first model where there is none: it gives names, order and config."""
        return self.base or self.experts[0]

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """Base and experts, each once."""
        together = [*([self.base] if self.base else []), *self.experts]
        return list({checkpoint.name: checkpoint for checkpoint in together}.values())

    @property
    def slots(self) -> list[Slot]:
        """The merged tensors, in the order in which they are merged."""
        return [slot for shard in self.shards for slot in shard.slots]

    @property
    def output_bytes(self) -> int:
        """Size of the merged weights."""
        return sum(slot.size for slot in self.slots)

    @property
    def read_bytes(self) -> int:
        """What is read: each input once, and before that base and expert for each threshold over the whole model.

        A threshold takes a pass for the sample, one for the `density` largest and one for the `gamma` largest; more
        where the sample misleads.
        """
        sizes = {one.name: sum(map(_size, one.entries.values())) for one in self.checkpoints}
        read = sum(sizes.values())
        if self.config.scope == "global" and self.base is not None:
            total, first = sum(entry.numel for entry in self.base.entries.values()), next(iter(self.numbers.values()))
            for expert, numbers in zip(self.experts, first, strict=True):
                kept = kept_count(numbers.density, total)
                removed = outlier_count(numbers.gamma, kept, total)
                passes = 1 + (kept + removed < total) + (removed > 0)
                read += passes * (sizes[self.base.name] + sizes[expert.name])
        return read

    @property
    def memory(self) -> int:
        """About the most bytes that the merge holds at a time."""
        written = max(slot.size for slot in self.slots)
        return _FIXED_MEMORY + max(self.loaded(slot) for slot in self.slots) + read_ahead(self) + written

    def loaded(self, slot: Slot) -> int:
        """The bytes of one tensor in all models and merged."""
        return slot.size + sum(_size(checkpoint.entries[slot.name]) for checkpoint in self.checkpoints)

    def summary(self) -> dict[str, Any]:
        """The plan for people and scripts; sizes in bytes."""
        return {
            "method": self.config.merge_method,
            "base": self.base.name if self.base else None,
            "models": [checkpoint.name for checkpoint in self.experts],
            "tensors": len(self.slots),
            "parameters": sum(entry.numel for entry in self.leading.entries.values()),
            "read_bytes": self.read_bytes,
            "write_bytes": self.output_bytes,
            "memory_bytes": self.memory,
            "files": [shard.file for shard in self.shards],
            "notes": self.notes,
        }


def read_ahead(plan: Plan) -> int:
    """Bytes that may be read before they are needed: enough for most layers, no second embedding matrix."""
    return min(512 << 20, max(plan.loaded(slot) for slot in plan.slots))


def _size(entry: Entry) -> int:
    return entry.stop - entry.start


def make_plan(config: MergeConfig, *, shard_bytes: int = SHARD_BYTES) -> Plan:
    """Opens and checks everything that can be checked without reading weights.

    Raises:
        ClueplusError: torch is missing; a checkpoint is broken or unlike the others; a parameter is out of its range.
    """
    if find_spec("torch") is None:
        raise ClueplusError("no torch to merge with", fix="pip install 'clueplus[train]'")
    if config.device != "cpu":
        _check_device(config)
    opened: dict[str, Checkpoint] = {}
    for name in [*([config.base_model] if config.base_model else []), *(entry.model for entry in config.experts)]:
        if name not in opened:
            opened[name] = Checkpoint(locate(name), name)
    base = opened[config.base_model] if config.base_model else None
    experts = [opened[entry.model] for entry in config.experts]
    leading = base or experts[0]
    check_compatible(list(opened.values()))
    _check_slices(config, leading)
    names = sorted(leading.entries, key=lambda name: (leading.entries[name].file.name, leading.entries[name].start))
    slots = [_slot(name, leading.entries[name], config) for name in names]
    tokenizer = _chosen(config, opened, leading, "tokenizer_source", config.tokenizer_from)
    generation = _chosen(config, opened, leading, "generation_config", config.generation_config)
    notes = config_notes(leading, [one for one in opened.values() if one is not leading])
    notes += check_tokens(tokenizer, [one for one in opened.values() if one is not tokenizer])
    files, more = carried_files(leading, tokenizer, generation, DTYPES[slots[0].dtype][0])
    numbers = {name: [_numbers(config, entry, name, leading.layers) for entry in config.experts] for name in names}
    plan = Plan(
        config,
        base,
        experts,
        numbers,
        {name: _once(config, "t", name, leading.layers, 0.5) for name in names},
        {name: _once(config, "lambda", name, leading.layers, 1.0) for name in names},
        bool(config.shared.get("normalize", RULES[config.merge_method].normalize)),
        shards(slots, shard_bytes),
        files,
        [*notes, *more],
    )
    _check_weights(plan)
    _check_sizes(plan)
    return plan


def _check_sizes(plan: Plan) -> None:
    method = plan.config.merge_method
    for name, entry in plan.leading.entries.items():
        if RULES[method].seeded and entry.numel > POSITIONS:
            raise ClueplusError(
                f"{plan.config.path}: {name} has {entry.numel:,} entries, and {method} numbers {POSITIONS:,} at most",
                fix="a method without random numbers",
            )


def _check_weights(plan: Plan) -> None:
    """An average needs weights that are not negative and do not add up to zero."""
    if not plan.normalize:
        return
    linear = plan.config.merge_method == "linear"
    for name, numbers in plan.numbers.items():
        weights = [entry.weight for entry in numbers]
        if not linear and min(weights) < 0:
            raise ClueplusError(
                f"{plan.config.path}: weight {min(weights):g} for {name}: an average takes no negative weight",
                fix="a weight of 0 or more, or normalize: false",
            )
        if abs(sum(weights)) < _NOTHING:
            raise ClueplusError(
                f"{plan.config.path}: the weights for {name} add up to 0, and can't be divided by that",
                fix="weights with another sum, or normalize: false",
            )


def _check_slices(config: MergeConfig, leading: Checkpoint) -> None:
    for part in config.slices:
        stop = part.sources[0].layer_range[1]
        if stop != leading.layers:
            raise ClueplusError(
                f"{config.path}: slices: layer_range ends at {stop} and {leading.name} has {leading.layers} layers",
                fix=f"layer_range: [0, {leading.layers}], or list the models under models",
            )


def _check_device(config: MergeConfig) -> None:
    import torch

    try:
        torch.zeros(1, device=config.device).item()  # which torch's device without memory can't do
    except (RuntimeError, AssertionError) as error:
        raise ClueplusError(
            f"{config.path}: device: torch can't use '{config.device}' here",
            fix="device: cpu, or cuda with a GPU's torch",
        ) from error


def _slot(name: str, entry: Entry, config: MergeConfig) -> Slot:
    wanted = config.out_dtype or config.dtype
    dtype = _STORED[wanted] if wanted else entry.dtype
    return Slot(name, dtype, entry.shape, entry.numel * DTYPES[dtype][1])


def _chosen(config: MergeConfig, opened: dict[str, Checkpoint], leading: Checkpoint, key: str, name: str) -> Checkpoint:
    if name == "base":
        return leading
    if name not in opened:
        hint = did_you_mean(name, ["base", *opened])
        raise ClueplusError(f"{config.path}: {key}: '{name}' is none of the merge's models", fix=hint)
    return opened[name]


def _numbers(config: MergeConfig, entry: ModelEntry, tensor: str, layers: int) -> Numbers:
    used = RULES[config.merge_method].of_model
    place = f"{config.path}: {entry.model}"
    values = {"weight": 1.0, "density": 1.0, "gamma": 0.0, "epsilon": 0.0}
    for name in used:
        given = {**config.shared, **entry.parameters}.get(name, DEFAULTS.get(name))
        if given is None:
            raise ClueplusError(
                f"{place}: no {name}", fix=f"add parameters: {{{name}: ...}} to the model or to the merge"
            )
        values[name] = check_range(name, number(given, tensor, layers, f"{place}: {name}"), place)
    numbers = Numbers(**values)
    check_together(numbers, used, place)
    return numbers


def _once(config: MergeConfig, name: str, tensor: str, layers: int, default: float) -> float:
    if name not in RULES[config.merge_method].of_merge:
        return default
    given = config.shared.get(name, DEFAULTS.get(name))
    if given is None:
        raise ClueplusError(
            f"{config.path}: {config.merge_method} needs {name}", fix=f"add parameters: {{{name}: 0.5}}"
        )
    return check_range(name, number(given, tensor, layers, f"{config.path}: {name}"), str(config.path))
