"""Runs what a recipe lacks, stage after stage; whatever was whole before stays, and is not made again."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from clueplus.errors import ClueplusError, DataError, did_you_mean
from clueplus.files import canonical_json, sha256, write_atomic
from clueplus.records.lineage import Parent, RecipeUse, read_lineage
from clueplus.training.digest import checkpoint_digest
from clueplus.training.lineage.surroundings import code_of, environment
from clueplus.training.lineage.write import base_steps, lineage_of, write_card, write_lineage
from clueplus.training.recipe.blocks import BASE, MODELS, Kind, Stage
from clueplus.training.recipe.ground import stand
from clueplus.training.recipe.job import Function, Job, Reporter
from clueplus.training.recipe.rehearse import TINY
from clueplus.training.recipe.spec import Recipe
from clueplus.training.recipe.state import VERSIONS, Ground, Node
from clueplus.training.recipe.told import told_of
from clueplus.training.recipe.work import RESULT_NAME, STAGE_NAME, StageRecord, Work

# An evaluation that was cut short has stored its answers; every other stage fills its folder at once or not at all.
_GOES_ON: tuple[Kind, ...] = ("evaluate",)


class Outcome(NamedTuple):
    """What a run of a recipe did: every stage asked for, and which of them were made now."""

    nodes: list[Node]
    made: list[str]

    @property
    def verdicts(self) -> dict[str, str]:
        """The status of every gate."""
        gates = [node for node in self.nodes if node.kind == "gate" and node.record]
        return {node.name: str(node.record.result.get("status")) for node in gates if node.record}


def run(
    recipe: Recipe,
    work: Work,
    functions: Mapping[Kind, Function],
    reporter: Reporter,
    *,
    only: str | None = None,
    redo: Collection[str] = (),
) -> Outcome:
    """Runs every stage that is not done, in order; the first one that fails ends the run.

    Args:
        recipe: a real one, or one that is rehearsed.
        work: its folder; nobody else may write there meanwhile.
        functions: what runs each kind of stage.
        reporter: hears of progress.
        only: run this stage and what it needs, and nothing else.
        redo: make these again although they are done.

    Raises:
        ClueplusError: an unknown stage, something missing from outside, or a stage that failed.
    """
    for name in [*redo, *([only] if only else [])]:
        if name not in recipe.stages:
            raise ClueplusError(f"{recipe.name} has no stage '{name}'", fix=did_you_mean(name, recipe.stages))
    names = recipe.order() if only is None else recipe.up_to(only)
    with work.locked():
        # Before the base is downloaded, which takes minutes, and of course before the first stage, which takes days.
        _refuse_missing(stand(recipe, work).survey(names).values())
        ground = stand(recipe, work, fetch=True)
        runner = _Runner(ground, functions, reporter, len(names))
        for name in names:
            runner.bring(name, again=name in redo)
        runner.renew()
    return Outcome(list(runner.nodes.values()), runner.made)


def _refuse_missing(nodes: Collection[Node]) -> None:
    """All that is missing is told at once."""
    missing = [node for node in nodes if node.missing is not None]
    if missing:
        first, more = missing[0], len(missing) - 1
        told, _, fix = str(first.missing).partition(". Fix: ")
        rest = f" (and {more} more: clueplus train plan shows them)" if more else ""
        raise ClueplusError(f"{first.name}: {told}{rest}", fix=fix)


class _Runner:
    """Brings stages to be done, one after the other."""

    def __init__(self, ground: Ground, functions: Mapping[Kind, Function], reporter: Reporter, total: int) -> None:
        self._ground, self._functions, self._reporter, self._total = ground, functions, reporter, total
        self._recipe, self._base = ground.recipe, ground.base
        self.nodes: dict[str, Node] = {}
        self.made: list[str] = []

    def bring(self, name: str, *, again: bool) -> None:
        """Makes a stage, if it is not done; what it needs was brought before."""
        node = self._ground.look(name, self.nodes)
        self.nodes[name] = node
        if node.record is not None and not again:
            self._reporter.kept(name)
            return
        assert node.place is not None
        if again:
            shutil.rmtree(node.place, ignore_errors=True)
        self._reporter.started(name, node.kind, len(self.nodes), self._total)
        started = time.monotonic()
        try:
            result = _kept_result(node) or self._call(node, node.place)
            record = self._seal(node, node.place, result, time.monotonic() - started)
        except ClueplusError as error:
            raise _told(name, error) from error
        self.nodes[name] = replace(node, record=record)
        self.made.append(name)
        self._reporter.finished(name, record.seconds, told_of(record))

    def _call(self, node: Node, out: Path) -> dict[str, Any]:
        if node.kind not in _GOES_ON:
            shutil.rmtree(out, ignore_errors=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        base = self._base.folder
        assert base is not None
        job = Job(node.name, node.stage, self._recipe, base, self._inputs(node), out, self._reporter)
        result = self._functions[node.kind](job)
        write_atomic(out / RESULT_NAME, json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        return result

    def _inputs(self, node: Node) -> dict[str, Path]:
        """The folders that a stage takes something from."""
        found = {}
        for given in node.stage.block.inputs():
            folder = self._base.folder if given.name == BASE else self.nodes[given.name].place
            assert folder is not None
            found[given.name] = folder
        return found

    def _seal(self, node: Node, out: Path, result: dict[str, Any], seconds: float) -> StageRecord:
        """Writes what tells of an output, and last that it is whole."""
        assert node.digest is not None
        record = StageRecord(
            stage=node.name,
            kind=node.kind,
            digest=node.digest,
            output=_output(node.kind, out, result),
            inputs=[self._parent(name) for name in dict.fromkeys(given.name for given in node.stage.block.inputs())],
            result=result,
            code=code_of(node.kind, VERSIONS[node.kind]),
            environment=environment(),
            finished=datetime.now(UTC),
            seconds=round(seconds, 3),
        )
        if node.kind in MODELS:
            self._tell(node, out, record)
        write_atomic(out / STAGE_NAME, record.model_dump_json(indent=2) + "\n")
        return record

    def renew(self) -> None:
        """Brings up to date what checkpoints tell: of steps that were made again and came out the same, and of scores.

        A run that was killed may have left either undone, so it is looked at, not remembered.
        """
        for name, node in self.nodes.items():
            if node.kind in MODELS and node.place is not None and node.record is not None:
                if not self._tells_all(node.place, name):
                    self._tell(node, node.place, node.record)
                self._tell_scores(name)

    def _tells_all(self, place: Path, name: str) -> bool:
        try:
            told = {step.digest for step in read_lineage(place).steps}
        except DataError:
            return False
        return told.issuperset(self.nodes[one].digest for one in self._recipe.up_to(name))

    def _parent(self, name: str) -> Parent:
        if name == BASE:
            assert self._base.digest is not None
            return Parent(name=self._base.name, digest=self._base.digest, output=self._base.digest)
        record = self.nodes[name].record
        assert record is not None
        return Parent(name=name, digest=record.digest, output=record.output)

    def _tell(self, node: Node, out: Path, record: StageRecord) -> None:
        """Writes lineage and card."""
        assert self._base.digest is not None
        path = self._recipe.path
        use = RecipeUse(name=self._recipe.name, sha256=sha256(path.read_bytes()), rehearsal=self._recipe.base == TINY)
        names = self._recipe.up_to(node.name)
        records = [record if name == node.name else self.nodes[name].record for name in names]
        made = [
            (one, _spec(self._recipe.stages[name])) for name, one in zip(names, records, strict=True) if one is not None
        ]
        step, before = base_steps(self._base.name, self._base.digest, self._base.folder)
        write_lineage(out, lineage_of(out, use, step, before, made))

    def _tell_scores(self, model: str) -> None:
        """The card of a model gets the scores of all its evaluations."""
        place = self.nodes[model].place
        scores = [
            one.record
            for one in self.nodes.values()
            if one.stage.evaluate and one.stage.evaluate.model == model and one.record
        ]
        if scores and place is not None:
            write_card(place, read_lineage(place), scores)


def _kept_result(node: Node) -> dict[str, Any] | None:
    """What the function of a stage returned, in a run that was killed before it could say that the stage is whole."""
    assert node.place is not None
    try:
        found = json.loads((node.place / RESULT_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _output(kind: Kind, out: Path, result: Mapping[str, Any]) -> str:
    """What came out, as one hash that is the same whenever the same came out."""
    if kind in MODELS:
        return checkpoint_digest(out)
    if kind == "corpus":
        rows = next(found for name in ("documents.jsonl", "rows.jsonl") if (found := out / name).is_file())
        with rows.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    if kind == "evaluate":
        return str(result["scores"])
    return sha256(canonical_json(dict(result)))


def _spec(stage: Stage) -> dict[str, Any]:
    """What the lineage tells of a stage's settings."""
    spec = stage.block.spec()
    return spec if isinstance(spec, dict) else spec.model_dump(mode="json", exclude_none=True)


def _told(name: str, error: ClueplusError) -> ClueplusError:
    """The error of a stage, with its name; what is finished is kept."""
    told = type(error)(f"{name}: {error.message}", fix=error.fix)
    told.exit_code = error.exit_code
    return told
