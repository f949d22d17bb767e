"""One comparison of a metric with its reference implementation on the same inputs."""

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

Input = TypeVar("Input")
Scores = Callable[[Sequence[Input]], Any]


class Comparison(NamedTuple):
    metric: str
    peer: str
    inputs: str
    difference: float
    tolerance: float
    seconds: float
    peer_seconds: float

    @property
    def ratio(self) -> float:
        return self.peer_seconds / self.seconds


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Processor time of the whole process: neither a second thread nor a busy machine flatters a side."""
    gc.collect()  # or one side pays for what was left before
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def compare(
    metric: str,
    peer: str,
    what: str,
    inputs: Sequence[Input],
    ours: Scores[Input],
    theirs: Scores[Input],
    *,
    expected: Scores[Input] | None = None,
    tolerance: float = 1e-9,
) -> Comparison:
    """Times both sides on all inputs, once, after both have seen two; the difference is the largest of any number.

    `expected`, where given, is what the numbers are compared with, in place of what was timed.
    """
    ours(inputs[:2]), theirs(inputs[:2])
    seconds, values = timed(lambda: ours(inputs))
    peer_seconds, numbers = timed(lambda: theirs(inputs))
    numbers = expected(inputs) if expected else numbers
    difference = np.abs(np.subtract(np.asarray(values, float), np.asarray(numbers, float)))
    assert difference.size
    return Comparison(
        metric, peer, f"{len(inputs):,} {what}", float(difference.max()), tolerance, max(seconds, 1e-9), peer_seconds
    )
