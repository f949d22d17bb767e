"""Merge methods by name: each a pure function from the tensors of one name to a tensor."""

from __future__ import annotations

from clueplus.training.merging.methods.breadcrumbs import breadcrumbs, breadcrumbs_ties
from clueplus.training.merging.methods.dare import dare_linear, dare_ties
from clueplus.training.merging.methods.della import della
from clueplus.training.merging.methods.linear import linear
from clueplus.training.merging.methods.multislerp import multislerp
from clueplus.training.merging.methods.slerp import slerp
from clueplus.training.merging.methods.task_arithmetic import task_arithmetic
from clueplus.training.merging.methods.ties import ties
from clueplus.training.merging.operands import Method

METHODS: dict[str, Method] = {
    function.__name__: function
    for function in (
        linear,
        slerp,
        task_arithmetic,
        ties,
        dare_linear,
        dare_ties,
        breadcrumbs,
        breadcrumbs_ties,
        della,
        multislerp,
    )
}
