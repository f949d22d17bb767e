"""Batches and steps."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.errors import ClueplusError
from clueplus.training.trainer.schedule import accumulation, steps_of
from tests.support.training import training

SMALL = st.integers(1, 8)


@settings(max_examples=60)
@given(SMALL, SMALL, SMALL, st.integers(1, 500), st.floats(0.1, 4), st.none() | st.integers(1, 50))
def test_a_batch_is_passed_whole_and_every_row_is_seen(
    device_batch: int, processes: int, times: int, rows: int, epochs: float, limit: int | None
) -> None:
    batch = device_batch * processes * times
    spec = training(batch=batch, device_batch=device_batch, epochs=epochs, steps=limit)
    assert accumulation(spec, processes) == times
    steps = steps_of(spec, rows, processes)
    assert steps == min(limit or math.inf, math.ceil(epochs * math.ceil(rows / batch)))


@pytest.mark.parametrize(("batch", "device_batch", "processes", "fix"), [(10, 4, 2, 8), (3, 4, 1, 4), (13, 4, 1, 12)])
def test_a_batch_that_does_not_divide_is_refused_with_one_that_does(
    batch: int, device_batch: int, processes: int, fix: int
) -> None:
    with pytest.raises(ClueplusError, match=f"batch: {fix},"):
        accumulation(training(batch=batch, device_batch=device_batch), processes)
