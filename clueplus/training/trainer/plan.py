"""What a room asks the trainer for: phases, each with what fills it and how it is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from clueplus.training.spec import Training
from clueplus.training.trainer.base import Base
from clueplus.training.trainer.prepared import Size

Fill = Callable[[Base, Path, dict[str, int]], Size]


class Preference(NamedTuple):
    """What DPO is told besides its training."""

    beta: float
    precompute_reference: bool


class Plan(NamedTuple):
    """A phase as a room plans it.

    `fill` writes its sequences; `packed` tells that a row of them holds several documents; `preference` makes it DPO.
    """

    training: Training
    fill: Fill
    packed: bool = False
    preference: Preference | None = None
