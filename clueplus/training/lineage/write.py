"""Writes `lineage.json` and the model card into a checkpoint's folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clueplus.errors import DataError
from clueplus.files import canonical_json, sha256, write_atomic
from clueplus.records.lineage import (
    LINEAGE_NAME,
    Lineage,
    Parent,
    RecipeUse,
    Source,
    Step,
    read_lineage,
)
from clueplus.training.digest import checkpoint_files
from clueplus.training.lineage.card import model_card
from clueplus.training.recipe.work import StageRecord

CARD_NAME = "README.md"
# Where something lies, and who serves it, is of no use to a reader elsewhere, and nobody else's business.
_PLACES = frozenset({"path", "base_url"})


def lineage_of(
    out: Path, recipe: RecipeUse, base: Step, before: Sequence[Step], made: Sequence[tuple[StageRecord, dict[str, Any]]]
) -> Lineage:
    """The lineage of the checkpoint in `out`.

    Args:
        out: the folder, with its weights.
        recipe: what was run.
        base: where the recipe starts.
        before: the steps that made the base, where they are known.
        made: record and spec of every stage up to this one, each after those that it needs.

    Raises:
        DataError: the folder holds no checkpoint.
    """
    files = checkpoint_files(out)
    own = [_step(record, spec) for record, spec in made]
    used = {parent.digest for step in own for parent in step.parents}
    start = [*before, base] if base.digest in used else []
    return Lineage(recipe=recipe, checkpoint=sha256(canonical_json(files)), files=files, steps=[*start, *own])


def base_steps(name: str, digest: str, folder: Path | None) -> tuple[Step, list[Step]]:
    """The step that stands for a recipe's base, and the steps that made it, where it was trained by clueplus too."""
    try:
        before = list(read_lineage(folder).steps) if folder is not None else []
    except DataError:
        before = []
    parents = [Parent(name=before[-1].name, digest=before[-1].digest)] if before else []
    return Step(name=name, kind="base", digest=digest, output=digest, parents=parents), before


def write_lineage(out: Path, lineage: Lineage) -> None:
    """Writes the lineage and the card that tells it.

    Raises:
        StoreError: the folder can't be written.
    """
    write_atomic(out / LINEAGE_NAME, lineage.model_dump_json(indent=2) + "\n")
    write_card(out, lineage)


def write_card(out: Path, lineage: Lineage, evaluations: Sequence[StageRecord] = ()) -> None:
    """Writes the card alone, with the scores of evaluations that came since.

    Raises:
        StoreError: the folder can't be written.
    """
    write_atomic(out / CARD_NAME, model_card(lineage, evaluations))


def _step(record: StageRecord, spec: dict[str, Any]) -> Step:
    result = {name: value for name, value in record.result.items() if name != "sources"}
    return Step(
        name=record.stage,
        kind=record.kind,
        digest=record.digest,
        output=record.output,
        method=spec.get("method") or spec.get("merge_method"),
        parents=record.inputs,
        spec=_without_places(spec),
        seeds=sorted(set(_seeds(spec))),
        sources=_sources(record, spec),
        result=_without_places(result),
        code=record.code,
        environment=record.environment,
        finished=record.finished,
        seconds=record.seconds,
    )


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_places(inner) for name, inner in value.items() if name not in _PLACES}
    if isinstance(value, list | tuple):
        return [_without_places(inner) for inner in value]
    if isinstance(value, str) and value.startswith(("/", "~", "./", "../")):
        return Path(value).name
    return value


def _seeds(value: Any) -> Iterator[int]:
    for name, inner in value.items() if isinstance(value, Mapping) else ():
        if name == "seed" and isinstance(inner, int):
            yield inner
        yield from _seeds(inner)
    for inner in value if isinstance(value, list | tuple) else ():
        yield from _seeds(inner)


def _sources(record: StageRecord, spec: dict[str, Any]) -> list[Source]:
    """What a corpus was made of: as its manifest counts, and licensed as its spec says."""
    counted = {one.get("name"): one for one in record.result.get("sources", ()) if isinstance(one, dict)}
    found = []
    for source in spec.get("sources", ()):
        told = counted.get(source["name"], {})
        found.append(
            Source(
                name=source["name"],
                licence=source["licence"],
                homepage=source.get("homepage"),
                documents=told.get("documents"),
                tokens=told.get("tokens"),
                sha256=told.get("sha256"),
            )
        )
    return found
