"""Thresholds over the whole model, out of core: each expert's differences pass by part by part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from clueplus.errors import ClueplusError
from clueplus.training.merging.loading import Source
from clueplus.training.merging.methods.trim import magnitudes, sample_magnitudes
from clueplus.training.merging.operands import Expert, Operands
from clueplus.training.merging.plan import Plan
from clueplus.training.merging.select import Cut, kept_count, largest, outlier_count

if TYPE_CHECKING:
    from torch import Tensor

# The more are sampled, the narrower the bracket and the fewer entries are gathered; 16 MB.
_SAMPLE = 1 << 22


class WholeModelCuts:
    """The cuts of each expert over all tensors; of equal entries at the threshold the first ones are kept, by order.

    Raises:
        ClueplusError: density or gamma change from tensor to tensor, which a threshold over all can't have.
    """

    def __init__(self, plan: Plan, source: Source) -> None:
        self._cuts = [self._find(plan, source, number) for number in range(len(plan.experts))]

    def _find(self, plan: Plan, source: Source, number: int) -> tuple[Cut, Cut]:
        values = {(numbers[number].density, numbers[number].gamma) for numbers in plan.numbers.values()}
        if len(values) > 1:
            raise ClueplusError(
                f"{plan.config.path}: {plan.experts[number].name}: scope: global needs one density and gamma",
                fix="scope: tensor, or one density and gamma for all tensors",
            )
        density, gamma = values.pop()
        assert plan.base is not None, "methods with a scope need a base"
        total = sum(entry.numel for entry in plan.base.entries.values())
        share = {name: 1 + entry.numel * _SAMPLE // total for name, entry in plan.base.entries.items()}

        def operands() -> Iterator[tuple[str, Operands]]:
            assert plan.base is not None, "as above"
            expert = plan.experts[number]
            for name, stored in source(plan, [plan.base, expert]):
                base = stored[plan.base.name].tensor
                yield name, Operands(base, [Expert(stored[expert.name].tensor)], base.dtype)

        def parts() -> Iterator[Tensor]:
            for _, one in operands():
                yield from magnitudes(one, 0)

        import torch

        sample = torch.cat([sample_magnitudes(one, 0, share[name]) for name, one in operands()])
        kept = kept_count(density, total)
        removed = outlier_count(gamma, kept, total)
        return largest(parts, sample, kept + removed, total), largest(parts, sample, removed, total)

    def take(self, number: int, operands: Operands, place: int) -> tuple[Cut, Cut]:
        """The cuts of an expert for the next tensor, where it is at `place` among the operands."""
        now = self._cuts[number]
        self._cuts[number] = _left(now[0], operands, place), _left(now[1], operands, place)
        return now


def _left(cut: Cut, operands: Operands, place: int) -> Cut:
    if not cut.equals:
        return cut
    here = sum(int((part == cut.threshold).sum()) for part in magnitudes(operands, place))
    return Cut(cut.threshold, max(0, cut.equals - here))
