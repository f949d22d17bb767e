"""How one model does on a benchmark of several columns: their average, and their gains over a base model.

The three summaries of the MediPhi paper (Corbeil et al., ACL 2025, Tables 2 to 5): the average, `#DG` (data sets
gained) and `CV` (coefficient of variation of the gains).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Scores = Mapping[str, float | None]

_NO_GAIN = 1e-9  # gains that cancel leave a rounding error, in percent about 1e-14


class Summary(NamedTuple):
    """One number, or the reason why there is none. `missing` names the columns that lack a score."""

    value: float | None
    reason: str | None = None
    missing: tuple[str, ...] = ()


def average(scores: Scores, columns: Sequence[str]) -> Summary:
    """The unweighted mean of the columns, in their unit; no value where a column is missing.

    Args:
        scores: a number a column; None, NaN or absent where there is no score. Other columns are ignored.
        columns: all columns of the benchmark (CLUE+ has twelve).

    Raises:
        ValueError: there are no columns, or one is named twice.
    """
    missing = _missing(scores, columns)
    if missing:
        return _incomplete(missing)
    return Summary(math.fsum(_values(scores, columns)) / len(columns))


def datasets_gained(scores: Scores, base: Scores, columns: Sequence[str]) -> Summary:
    """`#DG`: the number of columns in which the model is above its base. A tie is no gain.

    Args:
        scores: the model's columns, as in `average`.
        base: those of the model that it was made from, in the same unit.
        columns: all columns of the benchmark.

    Raises:
        ValueError: there are no columns, or one is named twice.
    """
    missing = _missing(scores, columns, base)
    if missing:
        return _incomplete(missing)
    return Summary(sum(gain > 0 for gain in _gains(scores, base, columns)))


def gain_variation(scores: Scores, base: Scores, columns: Sequence[str]) -> Summary:
    """`CV` = std(gains) / |mean(gains)|, with the sample standard deviation (ddof = 1); a pure number, 0 or more.

    Small is even: every column gains about the same. It grows without bound as the mean gain goes to 0.

    Args:
        scores: the model's columns, as in `average`.
        base: those of the model that it was made from, in the same unit.
        columns: all columns of the benchmark.

    Raises:
        ValueError: there are no columns, or one is named twice.
    """
    missing = _missing(scores, columns, base)
    if missing:
        return _incomplete(missing)
    if len(columns) < 2:
        return Summary(None, "one column has no variation")
    gains = _gains(scores, base, columns)
    mean = math.fsum(gains) / len(gains)
    if abs(mean) < _NO_GAIN:
        return Summary(None, "the mean gain is 0")
    return Summary(statistics.stdev(gains) / abs(mean))


def _missing(scores: Scores, columns: Sequence[str], base: Scores | None = None) -> tuple[str, ...]:
    if not columns or len(set(columns)) < len(columns):
        raise ValueError(f"a benchmark has one column or more, each named once, not {list(columns)}")
    sides = [scores] if base is None else [scores, base]
    return tuple(name for name in columns if any(_unknown(side.get(name)) for side in sides))


def _unknown(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _incomplete(missing: tuple[str, ...]) -> Summary:
    return Summary(None, f"no score for {', '.join(missing)}", missing)


def _values(scores: Scores, columns: Sequence[str]) -> list[float]:
    return [value for name in columns if (value := scores[name]) is not None]


def _gains(scores: Scores, base: Scores, columns: Sequence[str]) -> list[float]:
    return [ours - theirs for ours, theirs in zip(_values(scores, columns), _values(base, columns), strict=True)]
