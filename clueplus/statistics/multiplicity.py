"""Many tests at once: p values adjusted so that a threshold keeps its meaning. A None stays None and is not counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PValues = Sequence[float | None]


def holm(p: PValues) -> list[float | None]:
    """Holm's adjusted p values: rejecting those below alpha makes a single false rejection no likelier than alpha.

    Holds under any dependence. The i-th smallest of n is multiplied by n - i + 1, and none is below a smaller one's.

    Raises:
        ValueError: a p value outside [0, 1] or NaN.

    Source: Holm, Scandinavian Journal of Statistics 6:65, 1979.
    """
    return _adjusted(p, _holm)


def benjamini_hochberg(p: PValues) -> list[float | None]:
    """Benjamini and Hochberg's: rejecting those below q keeps the expected share of false rejections at q.

    Holds for independent and for positively dependent tests.

    Raises:
        ValueError: a p value outside [0, 1] or NaN.

    Source: Benjamini and Hochberg, JRSS B 57:289, 1995, as in scipy.stats.false_discovery_control.
    """
    from scipy.stats import false_discovery_control

    return _adjusted(p, false_discovery_control)


def _adjusted(p: PValues, adjust: Callable[[Floats], Floats]) -> list[float | None]:
    known = np.array([value for value in p if value is not None], dtype=np.float64)
    if not ((known >= 0) & (known <= 1)).all():
        raise ValueError(f"p values are in [0, 1], not {list(p)}")
    adjusted = iter(adjust(known).tolist() if len(known) else [])
    return [None if value is None else next(adjusted) for value in p]


def _holm(p: Floats) -> Floats:
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return adjusted
