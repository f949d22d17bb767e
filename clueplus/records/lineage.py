"""The type of `lineage.json`: where a checkpoint comes from. No path and no document text, so it may be published."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clueplus.errors import DataError
from clueplus.files import canonical_json, sha256

SCHEMA_VERSION: Literal[1] = 1
LINEAGE_NAME = "lineage.json"

StepKind = Literal["base", "corpus", "expert", "merge", "align"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Source(_Strict):
    """One source of a corpus: what of it was kept, under which licence. None where it is not known."""

    name: str
    licence: str
    homepage: str | None = None
    documents: int | None = None
    tokens: int | None = None
    sha256: str | None = None


class Parent(_Strict):
    """What a step takes something from: the digest of that step, and of what came out of it."""

    name: str
    digest: str
    output: str | None = None


class Code(_Strict):
    """The code of a step: of clueplus, of the stage's kind (`version` decides what is redone), and of its files."""

    clueplus: str
    version: int
    sha256: str


class Step(_Strict):
    """One step on the way to a checkpoint.

    Attributes:
        name: of the stage, or of the base.
        digest: of kind, spec, inputs, seed and code: what the step was asked to do.
        output: of what came out: `checkpoint_digest`, or the sha256 of a corpus.
        method: dapt, pit, sft, dpo, or the merge's.
        spec: what the stage was told, without places.
        sources: of a corpus.
        result: losses, tokens, truncation, counts; of a merge, the summary of its report.
    """

    name: str
    kind: StepKind
    digest: str
    output: str | None = None
    method: str | None = None
    parents: list[Parent] = []
    spec: dict[str, Any] = {}
    seeds: list[int] = []
    sources: list[Source] = []
    result: dict[str, Any] = {}
    code: Code | None = None
    environment: dict[str, str] = {}
    finished: datetime | None = None
    seconds: float | None = None


class RecipeUse(_Strict):
    """The recipe; `sha256` is of its file."""

    name: str
    sha256: str
    rehearsal: bool = False


class Lineage(_Strict):
    """Every step from the base and the corpora to a checkpoint, in an order in which each follows its parents.

    The last step made the checkpoint. `files` are the sha256 of what the checkpoint consists of: weights, config,
    tokenizer; `checkpoint` is the sha256 of their canonical JSON.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    recipe: RecipeUse
    checkpoint: str
    files: dict[str, str]
    steps: list[Step] = Field(min_length=1)

    @property
    def last(self) -> Step:
        """The step that made the checkpoint."""
        return self.steps[-1]


class OriginStep(_Strict):
    """One step of an origin."""

    name: str
    kind: StepKind
    digest: str
    method: str | None = None
    parents: list[str] = []
    sources: list[Source] = []


class Origin(_Strict):
    """A lineage in short, for the record of an evaluation: what the model was made from, and on which data."""

    recipe: RecipeUse
    checkpoint: str
    steps: list[OriginStep]

    @property
    def sources(self) -> list[Source]:
        """The sources of all corpora, each once."""
        return list({source.name: source for step in self.steps for source in step.sources}.values())


def origin_of(lineage: Lineage) -> Origin:
    """The lineage in short."""
    return Origin(
        recipe=lineage.recipe,
        checkpoint=lineage.checkpoint,
        steps=[
            OriginStep(
                name=step.name,
                kind=step.kind,
                digest=step.digest,
                method=step.method,
                parents=[parent.name for parent in step.parents],
                sources=step.sources,
            )
            for step in lineage.steps
        ],
    )


def read_lineage(folder: Path) -> Lineage:
    """The lineage that lies in a checkpoint's folder.

    Raises:
        DataError: there is none, or it is not of the schema.
    """
    path = folder / LINEAGE_NAME
    try:
        return Lineage.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DataError(
            f"{folder} has no {LINEAGE_NAME}", fix="give the folder of a checkpoint that clueplus train run made"
        ) from None
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"])) or "file"
        raise DataError(f"{path}: not a lineage of schema {SCHEMA_VERSION}: {where}: {fault['msg']}") from error


def check_lineage(folder: Path, lineage: Lineage) -> None:
    """Refuses a lineage that tells of other files than those beside it: somebody trained on, or copied it.

    Raises:
        DataError: a file is absent or changed, or the digests contradict each other.
    """
    if lineage.checkpoint != sha256(canonical_json(lineage.files)):
        raise DataError(f"{folder / LINEAGE_NAME}: its digests contradict each other")
    for name, expected in lineage.files.items():
        try:
            with (folder / Path(name).name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            found = "absent"
        if found != expected:
            raise DataError(f"{folder / LINEAGE_NAME} tells of another checkpoint: {Path(name).name} is not its file")
