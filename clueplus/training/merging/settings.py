"""The parameters of merge methods: which method takes which, defaults, ranges, and their value for a tensor."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from clueplus.errors import ClueplusError, did_you_mean

# A number, one number a layer group (interpolated over the layers), or the first match of {filter, value} entries.
Value = Any
_LAYER = re.compile(r"\.(?:layers|h|blocks|layer)\.(\d+)\.")


@dataclass(frozen=True)
class Rule:
    """What a method asks for and takes.

    `of_model` are the parameters that each model may set for itself, `of_merge` those that the merge has once.
    `needs_base`: the method works on differences to a base. `most` bounds the number of models beside the base.
    """

    of_model: tuple[str, ...] = ()
    of_merge: tuple[str, ...] = ()
    needs_base: bool = True
    normalize: bool = False
    scoped: bool = False
    seeded: bool = False
    most: int | None = None


RULES: dict[str, Rule] = {
    "linear": Rule(("weight",), ("normalize",), needs_base=False, normalize=True),
    "slerp": Rule((), ("t",), most=1),
    "task_arithmetic": Rule(("weight",), ("normalize", "lambda")),
    "ties": Rule(("weight", "density"), ("normalize", "lambda"), normalize=True, scoped=True),
    "dare_linear": Rule(("weight", "density"), ("normalize", "lambda"), seeded=True),
    "dare_ties": Rule(("weight", "density"), ("normalize", "lambda"), seeded=True),
    "breadcrumbs": Rule(("weight", "density", "gamma"), ("normalize", "lambda"), scoped=True),
    "breadcrumbs_ties": Rule(("weight", "density", "gamma"), ("normalize", "lambda"), scoped=True),
    "della": Rule(("weight", "density", "epsilon"), ("normalize", "lambda"), normalize=True, seeded=True),
    "multislerp": Rule(("weight",), (), needs_base=False, normalize=True),
}
# What mergekit fills in; a weight must be said.
DEFAULTS = {"density": 1.0, "gamma": 0.01, "epsilon": 0.15, "lambda": 1.0}
# Known to mergekit and without an effect on numbers here, or with one possible value.
_FIXED: dict[str, dict[str, Any]] = {
    "int8_mask": {},
    "rescale": {"dare_linear": True, "dare_ties": True, "della": True},
    "normalize_weights": {"multislerp": True},
}
_RANGES: dict[str, tuple[float, float, str]] = {
    "density": (0.0, 1.0, "above 0 and at most 1"),
    "gamma": (0.0, 1.0, "from 0 to below 1"),
    "epsilon": (0.0, 0.5, "from 0 to below 0.5"),
    "t": (0.0, 1.0, "from 0 to 1"),
}


class Numbers(NamedTuple):
    """One model's values for one tensor."""

    weight: float
    density: float
    gamma: float
    epsilon: float


def check_names(given: Mapping[str, Value], method: str, place: str) -> None:
    """Refuses parameters that the method does not have.

    Raises:
        ClueplusError: an unknown parameter, or one with a value that is not supported.
    """
    rule = RULES[method]
    known = {*rule.of_model, *rule.of_merge}
    for name, value in given.items():
        if name in known:
            continue
        allowed = _FIXED.get(name)
        if allowed is None:
            raise ClueplusError(f"{place}: unknown parameter '{name}' for {method}", fix=did_you_mean(name, known))
        if allowed and value is not allowed.get(method):
            raise ClueplusError(f"{place}: {name}: {value} is not supported for {method}", fix=f"leave {name} out")


def number(value: Value, tensor: str, layers: int, place: str) -> float:
    """The value of a parameter for a tensor.

    Args:
        value: as it stands in the configuration.
        tensor: the tensor's name.
        layers: how many layers the model has, for a value that changes from layer to layer.
        place: model and parameter, for the error.

    Raises:
        ClueplusError: it is none of the three forms, or no filter matches.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise ClueplusError(f"{place}: {value} is no finite number")
        return float(value)
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        return number(_first_match(value, tensor, place), tensor, layers, place)
    if isinstance(value, list) and value:
        return _along_layers([number(entry, tensor, layers, place) for entry in value], tensor, layers)
    raise ClueplusError(
        f"{place}: {value!r} is no number", fix="a number, a list of numbers, or {filter, value} entries"
    )


def _first_match(entries: Sequence[Mapping[str, Any]], tensor: str, place: str) -> Value:
    for entry in entries:
        unknown = sorted(set(entry) - {"filter", "value"})
        if unknown or "value" not in entry:
            raise ClueplusError(
                f"{place}: an entry has the keys filter and value, not {', '.join(unknown) or 'no value'}"
            )
        wanted = entry.get("filter")
        if wanted is None or wanted == "*" or wanted in tensor:
            return entry["value"]
    raise ClueplusError(f"{place}: no filter matches {tensor}", fix="end the list with an entry without a filter")


def _along_layers(values: Sequence[float], tensor: str, layers: int) -> float:
    """The value at the tensor's layer of evenly spaced values; tensors outside the layers have the first or last."""
    found = _LAYER.search(tensor)
    if found is None:
        return values[0] if "embed" in tensor else values[-1]
    place = (int(found[1]) / (layers - 1) if layers > 1 else 0.0) * (len(values) - 1)
    left = min(int(place), len(values) - 1)
    right = min(left + 1, len(values) - 1)
    return values[left] + (place - left) * (values[right] - values[left])


def check_range(name: str, value: float, place: str) -> float:
    """`value`, if it lies where the parameter is defined.

    Raises:
        ClueplusError: it does not; the message names the model, the parameter and the range.
    """
    if name in _RANGES:
        low, high, words = _RANGES[name]
        open_low, open_high = name == "density", name in {"gamma", "epsilon"}
        if not low <= value <= high or (open_low and value == low) or (open_high and value == high):
            raise ClueplusError(f"{place}: {name} is {value:g}", fix=f"{name} is {words}")
    return value


def check_together(numbers: Numbers, used: Sequence[str], place: str) -> None:
    """Refuses values that are possible alone and not together.

    Raises:
        ClueplusError: gamma + density above 1, or a keep probability of 0 or below, or above 1.
    """
    if "gamma" in used and numbers.gamma + numbers.density > 1 + 1e-9:
        raise ClueplusError(
            f"{place}: gamma {numbers.gamma:g} + density {numbers.density:g} is more than 1: more would "
            "be kept than is left",
            fix="lower one: gamma is the fraction removed from the top, density the fraction kept below it",
        )
    if "epsilon" in used:
        low, high = numbers.density - numbers.epsilon, numbers.density + numbers.epsilon
        if low <= 0 or high > 1 + 1e-9:
            raise ClueplusError(
                f"{place}: epsilon {numbers.epsilon:g} with density {numbers.density:g} gives keep probabilities from "
                f"{low:g} to {high:g}",
                fix="choose epsilon below density and at most 1 - density",
            )
