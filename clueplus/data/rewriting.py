"""Documents that a language model makes of a user's files: what a task's `rewrite.py` has to say for that.

This is the task's half: what is asked, and what of an answer is kept. Who answers is not its business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from clueplus.data.documents import Document
from clueplus.data.imported import read_manifest
from clueplus.data.importing import Rejected, file_hash
from clueplus.data.load import import_module
from clueplus.errors import DataError
from clueplus.registry import TaskSpec, VariantName

MODULE = "rewrite.py"


@dataclass(frozen=True, repr=False)
class Ask:
    """What the model is asked about one row of the user's file; `material` is what its answer is judged by."""

    prompt: str
    material: Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Source:
    """What a user's file holds for a rewriting; `sources` and `rejected` are as in an import."""

    asks: list[Ask]
    sources: dict[str, str]
    rejected: list[Rejected]


@dataclass(repr=False)
class Judged:
    """What one answer comes to: documents, and a reason for every candidate that is dropped."""

    documents: list[Document] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


class Rewriter(Protocol):
    """A task's `rewrite.py`.

    `PROMPT` is the template whose hash is recorded; `VARIANTS` are the variants that a rewriting may be, the default
    first; `RAW` is the variant of an import of the same file, and `HELD` the name of that file upstream.
    """

    PROMPT: str
    MAX_TOKENS: int
    VARIANTS: Sequence[VariantName]
    RAW: VariantName
    HELD: str

    def read(self, path: Path) -> Source:
        """What is asked about the file.

        Raises:
            DataError: it is no such file.
        """
        ...

    def judge(self, ask: Ask, answer: str) -> Judged:
        """What of an answer, whatever it is, becomes documents."""
        ...

    def split(self, documents: list[Document]) -> tuple[dict[str, list[Document]], list[str]]:
        """All documents, in the order of the file, as "test" and "fewshot"; a reason for each that is in neither."""
        ...


def find_rewriter(spec: TaskSpec, others: Iterable[TaskSpec]) -> Rewriter:
    """The rewriter of a task.

    Raises:
        DataError: it has none; those of the `others` that have one are named.
    """
    if not is_rewritable(spec):
        names = ", ".join(other.name for other in others if is_rewritable(other))
        raise DataError(f"{spec.name} is not made by a model", fix=f"tasks with a rewriting: {names}")
    return cast(Rewriter, import_module(spec.folder / MODULE))


def is_rewritable(spec: TaskSpec) -> bool:
    """Whether a model can make documents of a task."""
    return (spec.folder / MODULE).is_file()


def imported_file(spec: TaskSpec, rewriter: Rewriter, folder: Path) -> Path:
    """The file that the task's raw documents were imported from, once it still is that file.

    Args:
        spec: the task.
        rewriter: of the task.
        folder: the data folder.

    Raises:
        DataError: there was no such import, or the file has gone or changed since.
    """
    words = f"{spec.name} {rewriter.HELD}"
    again = f"clueplus data import {words}; or name the file: clueplus data rewrite {words} --model MODEL"
    try:
        manifest = read_manifest(folder, spec.name, rewriter.RAW)
    except DataError as error:
        raise DataError(f"no file to rewrite: {spec.name} ({rewriter.RAW}) was not imported here", fix=again) from error
    path = Path(manifest.origin) if manifest.origin else None
    if path is None or not path.is_file():
        raise DataError(f"the file that {spec.name} ({rewriter.RAW}) was imported from is not there", fix=again)
    if file_hash(path) != manifest.sources.get(path.name):
        raise DataError(f"{path}: changed since it was imported", fix=again)
    return path
