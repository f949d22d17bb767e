"""How a model is aligned."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clueplus.training.spec import Strict, Training


class AlignSpec(Strict):
    """SFT on instruction rows or DPO on preference rows; `beta` is DPO's."""

    method: Literal["sft", "dpo"]
    training: Training
    beta: float = Field(default=0.1, gt=0)
    precompute_reference: bool = True
