"""How an expert is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clueplus.training.spec import Strict, Training


class ExpertSpec(Strict):
    """DAPT: next-token prediction on packed documents. PIT: phase 1 on task data, phase 2 on it and its document.

    `phases` has one entry for dapt and two for pit (Corbeil et al., ACL 2025, section 3 and Table 6).
    """

    method: Literal["dapt", "pit"]
    phases: tuple[Training, ...] = Field(min_length=1, max_length=2)
