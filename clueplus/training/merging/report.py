"""What a merge leaves behind about itself: sizes before it, measures and digests after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from clueplus.files import canonical_json, sha256

FORMAT = 1


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TensorRecord(_Record):
    """One merged tensor.

    `cosine_to_base` is the cosine between merged and base tensor. `kept` is the fraction of entries of each model's
    difference that the method kept. `survival` is 1 - |rounded delta - delta| / |delta|, where delta is merged - base
    in fp32 and rounded is what the output type leaves of it; 1 means nothing was lost. Each is None where the method
    or the merge has no such thing. `rule` says what was done where the method's formula does not hold. `sha256` is of
    the tensor's bytes.
    """

    name: str
    shape: list[int]
    dtype: str
    cosine_to_base: float | None
    kept: dict[str, float] | None
    survival: float | None
    rule: str | None
    sha256: str


class InputRecord(_Record):
    """A checkpoint that was merged; `weights` is the digest of its tensors, whatever the files they are in."""

    model: str
    role: Literal["base", "expert"]
    weights: str


class Summary(_Record):
    """Medians over tensors; None where no tensor has the measure, which `reasons` explains."""

    cosine_to_base: float | None
    kept: float | None
    survival: float | None
    reasons: dict[str, str]


class MergeReport(_Record):
    """Everything about one merge: the same inputs, configuration and versions give the same `weights`."""

    format: int = FORMAT
    method: str
    arithmetic: str = "float32"
    dtype: str
    seed: int | None
    scope: str | None
    device: str
    config: dict[str, Any]
    config_sha256: str
    versions: dict[str, str]
    inputs: list[InputRecord]
    weights: str
    parameters: int
    seconds: float
    notes: list[str]
    summary: Summary
    tensors: list[TensorRecord]


def weights_digest(tensors: Mapping[str, tuple[str, Sequence[int], str]]) -> str:
    """The sha256 of a checkpoint's tensors: name, type, shape and the sha256 of the bytes of each, in order of name."""
    return sha256(canonical_json({name: [dtype, list(shape), data] for name, (dtype, shape, data) in tensors.items()}))


def summarize(tensors: Sequence[TensorRecord], *, has_base: bool) -> Summary:
    """The medians of what was measured."""
    from statistics import median

    def middle(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return median(known) if known else None

    summary = Summary(
        cosine_to_base=middle([tensor.cosine_to_base for tensor in tensors]),
        kept=middle([value for tensor in tensors for value in (tensor.kept or {}).values()]),
        survival=middle([tensor.survival for tensor in tensors]),
        reasons={},
    )
    if not has_base:
        summary.reasons["cosine_to_base"] = summary.reasons["survival"] = "the merge has no base_model"
    elif summary.survival is None:
        summary.reasons["survival"] = "the merged model equals the base"
    if summary.kept is None:
        summary.reasons["kept"] = "the method keeps every entry"
    return summary
