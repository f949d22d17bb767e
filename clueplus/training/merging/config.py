"""The configuration of a merge: mergekit's YAML, and beside its keys `seed`, `scope`, `device`, `generation_config`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from clueplus.errors import ClueplusError, did_you_mean
from clueplus.registry.yaml_file import read_yaml
from clueplus.training.merging.settings import RULES, check_names

Dtype = Literal["float32", "float16", "bfloat16"]
# Keys that mergekit does not know.
OURS = ("seed", "scope", "device", "generation_config")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        for key in data if isinstance(data, dict) else ():
            known = set(cls.model_fields) - {"path"}
            if key not in known and key != "path":
                raise PydanticCustomError("unknown_key", "{text}", {"text": _unknown(str(key), known)})
        return data


def _unknown(key: str, known: set[str]) -> str:
    return f"unknown key '{key}'; {did_you_mean(key, known)}"


class ModelEntry(_Strict):
    """One model: a folder or a hub id, and its own parameters."""

    model: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class SliceSource(_Strict):
    """A range of one model's layers."""

    model: str
    layer_range: tuple[int, int]
    parameters: dict[str, Any] = Field(default_factory=dict)


class Slice(_Strict):
    """Layers that are merged with each other."""

    sources: list[SliceSource] = Field(min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)


class TokenizerEntry(_Strict):
    """Where the tokenizer comes from, in mergekit's longer form."""

    source: str


class MergeConfig(_Strict):
    """What to merge, and how. `models` lists the base too where mergekit's methods want it there."""

    merge_method: str
    models: list[ModelEntry] = Field(default_factory=list)
    slices: list[Slice] = Field(default_factory=list)
    base_model: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    dtype: Dtype | None = None
    out_dtype: Dtype | None = None
    tokenizer_source: str | None = None
    tokenizer: TokenizerEntry | None = None
    generation_config: str = "base"
    seed: int = Field(default=0, ge=0, lt=2**63)
    scope: Literal["tensor", "global", "row"] = "tensor"
    device: str = "cpu"
    path: Path

    @property
    def listed(self) -> list[ModelEntry]:
        """All models of the configuration, of whichever form."""
        sources = self.slices[0].sources if self.slices else []
        return self.models or [ModelEntry(model=one.model, parameters=one.parameters) for one in sources]

    @property
    def shared(self) -> dict[str, Any]:
        """The parameters that apply where a model has none of its own."""
        return {**self.parameters, **self.slices[0].parameters} if self.slices else self.parameters

    @property
    def experts(self) -> list[ModelEntry]:
        """The models that are merged; for methods that work on differences, and for slerp, without the base."""
        if self.merge_method == "linear":
            return self.listed
        return [entry for entry in self.listed if entry.model != self.base_model]

    @property
    def tokenizer_from(self) -> str:
        """The model whose tokenizer is carried, or "base"."""
        return self.tokenizer.source if self.tokenizer else self.tokenizer_source or "base"

    @model_validator(mode="after")
    def _is_possible(self) -> MergeConfig:
        """Refuses what no merge can do, so that whoever has a configuration has one that is checked."""
        if self.merge_method not in RULES:
            raise ClueplusError(
                f"{self.path}: unknown merge_method '{self.merge_method}'", fix=did_you_mean(self.merge_method, RULES)
            )
        _check_slices(self)
        _check_models(self)
        _check_parameters(self)
        return self


def read_config(path: Path) -> MergeConfig:
    """Reads and checks a configuration file.

    Raises:
        ClueplusError: it can't be read, has an unknown key, method or parameter, or lacks what the method needs.
    """
    return read_yaml(path, MergeConfig)


def config_from(content: Mapping[str, Any], place: str) -> MergeConfig:
    """Checks a configuration that stands in another file.

    Args:
        content: the keys of a configuration.
        place: where it stands, for errors: a recipe and its stage, for instance.

    Raises:
        ClueplusError: as `read_config`; every message starts with the place.
    """
    if "path" in content:  # it would be overwritten in silence
        raise ClueplusError(f"{place}: unknown key 'path'")
    try:
        return MergeConfig.model_validate({**content, "path": Path(place)})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise ClueplusError(f"{place}: {f'{where}: ' if where else ''}{fault['msg']}") from error


def _check_slices(config: MergeConfig) -> None:
    """Mergekit's form for slerp: one slice over all layers of each model."""
    ranges = {source.layer_range for part in config.slices for source in part.sources}
    if ranges and (config.models or len(config.slices) > 1 or len(ranges) > 1 or next(iter(ranges))[0] != 0):
        raise ClueplusError(
            f"{config.path}: slices: only one slice that holds every layer of each model can be merged",
            fix="list the models under models; stacking layers of several models is another tool's work",
        )


def _check_models(config: MergeConfig) -> None:
    rule, path = RULES[config.merge_method], config.path
    names = [entry.model for entry in config.listed]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ClueplusError(
            f"{path}: {repeated[0]} is listed twice", fix="list each model once, with the sum of weights"
        )
    if rule.needs_base and config.base_model is None:
        raise ClueplusError(f"{path}: {config.merge_method} needs base_model", fix="add base_model: FOLDER")
    if not config.experts:
        raise ClueplusError(f"{path}: no model to merge", fix="list models under models")
    if rule.most is not None and len(config.experts) != rule.most:
        raise ClueplusError(
            f"{path}: {config.merge_method} merges one model with base_model; {len(config.experts)} are listed",
            fix="list one model beside the base; multislerp takes more",
        )
    if config.scope != "tensor" and not rule.scoped:
        scoped = ", ".join(name for name, other in RULES.items() if other.scoped)
        raise ClueplusError(f"{path}: scope: {config.merge_method} has no scope", fix=f"only {scoped} have one")
    lora = next((name for name in [*names, config.base_model or ""] if "+" in Path(name).name), None)
    if lora:
        raise ClueplusError(
            f"{path}: {lora}: adapters are not merged here", fix="merge the adapter into its model first"
        )


def _check_parameters(config: MergeConfig) -> None:
    method, path = config.merge_method, config.path
    check_names(config.shared, method, f"{path}: parameters")
    per_merge = RULES[method].of_merge
    for entry in config.listed:
        check_names(entry.parameters, method, f"{path}: {entry.model}")
        once = sorted(set(entry.parameters) & set(per_merge))
        if once:
            raise ClueplusError(f"{path}: {entry.model}: {once[0]} is set once for the merge, not for a model")
    normalize = config.shared.get("normalize", True)
    if not isinstance(normalize, bool):
        raise ClueplusError(f"{path}: parameters: normalize is {normalize!r}", fix="true or false")


def as_mergekit(config: MergeConfig) -> str:
    """The configuration as YAML that mergekit reads; what it does not know stands in comments."""
    content: dict[str, Any] = config.model_dump(
        mode="json", exclude={"path", "tokenizer", *OURS}, exclude_defaults=True
    )
    if config.tokenizer_from != "base":
        content["tokenizer_source"] = config.tokenizer_from
    notes = [f"# {key}: {value}" for key, value in _ours(config).items()]
    head = ["# Merged by clueplus. These settings of it are unknown to mergekit:", *notes]
    return "\n".join(head) + "\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _ours(config: MergeConfig) -> Mapping[str, Any]:
    return {key: getattr(config, key) for key in OURS}
