"""What is known of a model beside its scores, from its record or from `models/<name>.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from clueplus.records.lineage import Origin
from clueplus.registry import ModelSpec

RowKind = Literal["model", "baseline", "trivial", "published"]
SizeClass = Literal["below 4B", "4B to 10B", "10B to 40B", "40B and more", "unknown"]

_BILLION = 1_000_000_000


@dataclass(frozen=True)
class Facts:
    """Facts that a reader filters by; None where nobody declared it.

    `tuned` is whether the model was made from another one (`base`). `origin` are the steps and the data that made it,
    where its checkpoint came with a lineage.
    """

    base: str | None = None
    parameters: int | None = None
    licence: str | None = None
    weights: str | None = None
    revision: str | None = None
    homepage: str | None = None
    description: str | None = None
    origin: Origin | None = None

    @property
    def size(self) -> SizeClass:
        """The class of the number of parameters."""
        if self.parameters is None:
            return "unknown"
        if self.parameters < 4 * _BILLION:
            return "below 4B"
        if self.parameters < 10 * _BILLION:
            return "4B to 10B"
        return "10B to 40B" if self.parameters < 40 * _BILLION else "40B and more"

    @property
    def open_weights(self) -> bool:
        """Whether a place is declared from which anybody may take the weights."""
        return self.weights is not None

    @property
    def tuned(self) -> bool:
        """Whether the model was made from another one."""
        return self.base is not None


def from_spec(spec: ModelSpec) -> Facts:
    """The facts of a declared model."""
    return from_record(spec.model_dump(mode="json", exclude={"path"}))


def from_record(spec: Mapping[str, Any] | None, origin: Origin | None = None) -> Facts:
    """The facts that a record carries; a value of another type than declared counts as not declared.

    Args:
        spec: the model's file, as the record has it.
        origin: its lineage in short; says what it was made from where the file does not.
    """
    found = spec or {}
    texts = {name: value for name in _TEXTS if isinstance(value := found.get(name), str)}
    parameters = found.get("parameters")
    whole = isinstance(parameters, int) and not isinstance(parameters, bool) and parameters > 0
    if not texts.get("homepage", "").startswith("https://"):
        texts.pop("homepage", None)
    started = next((step.name for step in origin.steps if step.kind == "base"), None) if origin else None
    if started is not None:
        texts.setdefault("base", started)
    return Facts(parameters=parameters if whole else None, origin=origin, **texts)


_TEXTS = ("base", "licence", "weights", "revision", "homepage", "description")
