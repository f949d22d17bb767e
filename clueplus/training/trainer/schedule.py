"""From hyperparameters to optimiser steps: what a batch is made of, and how many there are."""

from __future__ import annotations

import math

from clueplus.errors import ClueplusError
from clueplus.training.spec import Training


def accumulation(training: Training, processes: int) -> int:
    """How many times `device_batch` sequences are passed on each process until a batch is full.

    Raises:
        ClueplusError: `batch` is no multiple of what is passed at once.
    """
    at_once = training.device_batch * processes
    if training.batch % at_once:
        nearest = max(at_once, round(training.batch / at_once) * at_once)
        raise ClueplusError(
            f"a batch of {training.batch} sequences is no multiple of {at_once}"
            f" (device_batch {training.device_batch} on {processes} process{'es' * (processes > 1)})",
            fix=f"batch: {nearest}, or another device_batch",
        )
    return training.batch // at_once


def steps_of(training: Training, rows: int, processes: int) -> int:
    """Optimiser steps of a phase over `rows` sequences: all epochs, or fewer where `steps` ends it.

    A last batch of an epoch that is not full is a step too.
    """
    passes = math.ceil(rows / (training.device_batch * processes))
    epoch = math.ceil(passes / accumulation(training, processes))
    whole = math.ceil(training.epochs * epoch)
    return whole if training.steps is None else min(training.steps, whole)
