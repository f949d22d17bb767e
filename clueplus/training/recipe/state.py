"""Where a recipe stands: the digest of every stage, and what is done."""

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

# Of the code behind a kind of stage. Who changes what a stage makes of the same inputs adds one: everything of that
# kind is then made again, and everything after it. A hash of the code would do that for a changed comment too, and an
# expert takes weeks; it stands in the lineage, where it tells and decides nothing.
VERSIONS: dict[Kind, int] = {"corpus": 1, "expert": 1, "merge": 1, "align": 1, "evaluate": 1, "gate": 1}

State = Literal["done", "waiting", "missing", "unknown"]


@dataclass(frozen=True)
class Node:
    """One stage with its digest.

    Attributes:
        digest: None while an input is missing, or the base is not on this machine.
        place: where its output lies or will lie; None without a digest.
        record: of its output, when that is whole.
        missing: one line on what it needs from outside and does not find.
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
        """Whether it is done, waits to be run, misses something, or needs what is not known yet."""
        if self.record is not None:
            return "done"
        if self.missing is not None:
            return "missing"
        return "unknown" if self.digest is None else "waiting"


def survey(recipe: Recipe, work: Work, base: Base, around: Surroundings, names: Iterable[str]) -> dict[str, Node]:
    """Every stage of `names`, which come in order and with all that they need."""
    digests: dict[str, str | None] = {BASE: base.digest}
    nodes = {}
    for name in names:
        stage = recipe.stages[name]
        outside = around.of(stage.block)
        digest = stage_digest(stage, digests, outside.digest)
        place = None if digest is None else work.place(stage.kind, name, digest)
        record = None if place is None or digest is None else work.record(place, digest)
        nodes[name] = Node(name, stage, digest, place, record, outside.missing)
        digests[name] = digest
    return nodes


def stage_digest(stage: Stage, digests: Mapping[str, str | None], outside: str | None) -> str | None:
    """What a stage is asked to do, as one hash; None when an input's digest is not known.

    It is of the kind, the version of its code, the spec with its seed, the digests of the inputs, and what it reads
    from outside of the recipe. Names of stages and places of files are no part of it.
    """
    known = [digests[given.name] for given in stage.block.inputs()]
    if outside is None or any(digest is None for digest in known):
        return None
    asked = {
        "kind": stage.kind,
        "version": VERSIONS[stage.kind],
        "spec": _spec(stage, digests),
        "inputs": known,
        "outside": outside,
    }
    return sha256(canonical_json(asked))


def _spec(stage: Stage, digests: Mapping[str, str | None]) -> Any:
    block = stage.block
    if isinstance(block, MergeStage):
        return block.spec(lambda name: digests.get(name) or name)
    spec = block.spec()
    if isinstance(spec, dict):
        return spec
    data = spec.model_dump(mode="json")
    for source in data.get("sources", ()):
        source["path"] = source["dataset"] = None  # what is there counts, and stands in `outside`
    return data
