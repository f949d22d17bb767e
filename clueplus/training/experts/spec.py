"""How an expert is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from clueplus.training.spec import Strict, Training


class ExpertSpec(Strict):
    """DAPT: next-token prediction on packed documents. PIT: phase 1 on task data, phase 2 on it and its document.

    `phases` has one entry for dapt and two for pit (Corbeil et al., ACL 2025, section 3 and Table 6).
    """

    method: Literal["dapt", "pit"]
    phases: tuple[Training, ...] = Field(min_length=1, max_length=2)

    @model_validator(mode="after")
    def _phases_fit(self) -> ExpertSpec:
        wanted = {"dapt": 1, "pit": 2}[self.method]
        if len(self.phases) != wanted:
            raise ValueError(f"{self.method} has {wanted} phase{'s' * (wanted > 1)}, not {len(self.phases)}")
        if len({(phase.held_out, phase.seed) for phase in self.phases}) > 1:
            raise ValueError("held_out and seed are one for all phases: what is held out of one is held out of all")
        return self
