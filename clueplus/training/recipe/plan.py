"""What a run of a recipe would do: stages in order, what is done, sizes, tokens, cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from clueplus.training.recipe.base import Base
from clueplus.training.recipe.blocks import MODELS, Kind
from clueplus.training.recipe.cost import Estimate, Rates, corpus_tokens, estimate
from clueplus.training.recipe.ground import stand
from clueplus.training.recipe.spec import Recipe
from clueplus.training.recipe.state import Node, State
from clueplus.training.recipe.told import told_of
from clueplus.training.recipe.work import Work

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


class Planned(NamedTuple):
    """One stage of a plan.

    Attributes:
        weights: bytes of the checkpoint that it leaves, None where it leaves none or nobody knows.
        tokens: of a corpus.
        told: of a stage that is done: what came out.
    """

    name: str
    kind: Kind
    method: str | None
    needs: list[str]
    state: State
    digest: str | None
    place: Path | None
    missing: str | None
    weights: int | None
    tokens: int | None
    estimate: Estimate
    told: str | None
    seconds: float | None


class Plan(NamedTuple):
    """A whole plan; `hours` are those of the stages that are not done and whose cost is known."""

    recipe: Recipe
    base: Base
    stages: Sequence[Planned]
    rates: Rates

    @property
    def hours(self) -> float:
        """Hours of one device for what is to be trained."""
        return sum(stage.estimate.hours or 0.0 for stage in self.stages if stage.state != "done")

    @property
    def unknown(self) -> list[str]:
        """Trainings whose cost is not known."""
        return [
            stage.name
            for stage in self.stages
            if stage.kind in ("expert", "align") and stage.state != "done" and stage.estimate.hours is None
        ]


def make_plan(recipe: Recipe, work: Work, rates: Rates) -> Plan:
    """Looks at everything, and makes and fetches nothing.

    Raises:
        ClueplusError: the base or a task has a name that nobody knows.
    """
    ground = stand(recipe, work)
    nodes = ground.survey(recipe.order())
    stages = [_planned(recipe, nodes, node, ground.base, rates) for node in nodes.values()]
    return Plan(recipe, ground.base, stages, rates)


def _planned(recipe: Recipe, nodes: dict[str, Node], node: Node, base: Base, rates: Rates) -> Planned:
    block = node.stage.block
    return Planned(
        name=node.name,
        kind=node.kind,
        method=getattr(block, "method", None) or getattr(block, "merge_method", None),
        needs=recipe.needs(node.name),
        state=node.state,
        digest=node.digest,
        place=node.place,
        missing=node.missing,
        weights=_weights(node, base) if node.kind in MODELS else None,
        tokens=corpus_tokens(recipe, nodes, node.name) if node.kind == "corpus" else None,
        estimate=estimate(recipe, nodes, node.name, base.parameters, rates),
        told=None if node.record is None else told_of(node.record),
        seconds=None if node.record is None else node.record.seconds,
    )


def _weights(node: Node, base: Base) -> int | None:
    if base.parameters is None:
        return None
    block: Any = node.stage.block
    if node.kind == "merge":
        dtype = block.out_dtype or block.dtype or "bfloat16"
    else:
        dtype = block.phases[-1].dtype if node.kind == "expert" else block.training.dtype
    return base.parameters * _BYTES[dtype]


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan for scripts."""
    return {
        "recipe": plan.recipe.name,
        "base": {"name": plan.base.name, "digest": plan.base.digest, "parameters": plan.base.parameters},
        "assumptions": {
            "flops_a_token": "6 times the weights; 8 for dpo with a reference",
            "peak_flops": plan.rates.peak,
            "mfu": plan.rates.mfu,
            "price_an_hour": plan.rates.price,
        },
        "stages": [
            {
                **stage._asdict(),
                "place": None if stage.place is None else str(stage.place),
                "estimate": stage.estimate._asdict(),
            }
            for stage in plan.stages
        ],
        "hours": plan.hours,
        "price": None if plan.rates.price is None else plan.hours * plan.rates.price,
        "unknown": plan.unknown,
    }


def stages_json(nodes: Iterable[Node]) -> list[dict[str, Any]]:
    """Finished stages for scripts."""
    return [
        {
            "name": node.name,
            "kind": node.kind,
            "digest": node.digest,
            "output": None if node.record is None else node.record.output,
            "place": None if node.place is None else str(node.place),
            "seconds": None if node.record is None else node.record.seconds,
            "result": None if node.record is None else node.record.result,
        }
        for node in nodes
    ]
