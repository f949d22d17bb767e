"""Where a recipe stands: the digest of every stage whose inputs are there, and what is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from clueplus.files import canonical_json, sha256
from clueplus.training.recipe.base import Base
from clueplus.training.recipe.blocks import BASE, Kind, MergeStage, Stage
from clueplus.training.recipe.outside import Surroundings
from clueplus.training.recipe.spec import Recipe
from clueplus.training.recipe.work import StageRecord, Work

# Of the code behind a kind of stage. Who changes what a stage makes of the same inputs adds one, and everything of that
# kind is made again. A hash of the code would do that for a changed comment too, and an expert takes weeks; it stands
# in the lineage, where it tells and decides nothing.
VERSIONS: dict[Kind, int] = {"corpus": 1, "expert": 1, "merge": 1, "align": 1, "evaluate": 1, "gate": 1}

State = Literal["done", "waiting", "missing"]


@dataclass(frozen=True)
class Node:
    """One stage as it stands.

    Attributes:
        digest: of what it is asked to do; None while an input is not there, or something is missing.
        place: where its output lies or will lie; None without a digest.
        record: of its output, when that is whole.
        missing: one line on what it needs from outside of the recipe and does not find.
    """

    name: str
    stage: Stage
    digest: str | None
    place: Path | None
    record: StageRecord | None
    missing: str | None

    @property
    def kind(self) -> Kind:
        """Of the stage."""
        return self.stage.kind

    @property
    def state(self) -> State:
        """Whether it is done, waits to be run, or misses something."""
        if self.record is not None:
            return "done"
        return "waiting" if self.missing is None else "missing"


@dataclass(frozen=True)
class Ground:
    """What a recipe stands on: its base, its work folder, what lies around it."""

    recipe: Recipe
    work: Work
    base: Base
    around: Surroundings

    def look(self, name: str, before: Mapping[str, Node]) -> Node:
        """One stage as it stands.

        Args:
            name: of the stage.
            before: the stages that it needs.
        """
        stage = self.recipe.stages[name]
        outputs = {BASE: self.base.digest} | {one: _output(before[one]) for one in self.recipe.needs(name)}
        outside = self.around.of(stage.block)
        digest = stage_digest(stage, outputs, outside.digest)
        place = None if digest is None else self.work.place(stage.kind, name, digest)
        record = None if place is None or digest is None else self.work.record(place, digest)
        return Node(name, stage, digest, place, record, outside.missing)

    def survey(self, names: Iterable[str]) -> dict[str, Node]:
        """Every stage of `names`, which come in order and with all that they need."""
        nodes: dict[str, Node] = {}
        for name in names:
            nodes[name] = self.look(name, nodes)
        return nodes


def _output(node: Node) -> str | None:
    return None if node.record is None else node.record.output


def stage_digest(stage: Stage, outputs: Mapping[str, str | None], outside: str | None) -> str | None:
    """What a stage is asked to do, as one hash; None when an input is not there.

    It is of the kind, the version of its code, the spec with its seed, what its inputs hold, and what it reads from
    outside of the recipe. How an input was made is no part of it: what comes out the same, nothing follows from.
    Neither are names of stages and places of files.
    """
    known = [outputs[given.name] for given in stage.block.inputs()]
    if outside is None or any(output is None for output in known):
        return None
    asked = {
        "kind": stage.kind,
        "version": VERSIONS[stage.kind],
        "spec": _spec(stage, outputs),
        "inputs": known,
        "outside": outside,
    }
    return sha256(canonical_json(asked))


def _spec(stage: Stage, outputs: Mapping[str, str | None]) -> Any:
    block = stage.block
    if isinstance(block, MergeStage):
        return block.spec(lambda name: outputs.get(name) or name)
    spec = block.spec()
    if isinstance(spec, dict):
        return spec
    data = spec.model_dump(mode="json")
    for source in data.get("sources", ()):
        source["path"] = source["dataset"] = None  # what is there counts, and stands in `outside`
    return data
