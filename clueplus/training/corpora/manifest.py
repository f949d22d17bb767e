"""What a corpus was made of and what came of it: counts, hashes and reasons, and never a text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from clueplus.errors import DataError
from clueplus.registry import Tier
from clueplus.training.corpora.spec import CorpusSpec, Kind

NAME = "manifest.json"
VERSION = 1

Rule = Literal["n-gram", "short text", "whole text"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BadRow(_Record):
    """A row that was left out, by the number that it has in its file, from 1."""

    file: str
    row: int
    reason: str


class SourceRecord(_Record):
    """One source.

    `files` are the sha256 of what was read, by name; `unhashed` says why there is none. Every one of the `read` rows
    is in `kept`, in `dropped` by its reason, or both zero. `bad_rows` are the first that were dropped for their form.
    `tokens` is None where no tokenizer counted.
    """

    name: str
    licence: str
    homepage: str | None
    tier: Literal["open", "restricted"]
    files: dict[str, str]
    unhashed: str | None = None
    ignored_files: int = 0
    read: int
    dropped: dict[str, int]
    bad_rows: list[BadRow]
    kept: int
    characters: int
    tokens: int | None


class Overlap(_Record):
    """How many rows one rule found to share text with one test split, by how many different runs of words.

    A row that shares text with two test splits counts for both.
    """

    task: str
    variant: str
    rule: Rule
    rows: int
    runs: int


class TestSplit(_Record):
    """One registered test split: `unchecked` is the reason why no row was compared with it, None where all were."""

    __test__ = False  # no test class, whatever pytest thinks of the name

    task: str
    variant: str
    tier: Tier
    documents: int | None = None
    sha256: str | None = None
    unchecked: str | None = None


class Asking(_Record):
    """Task data that a model wrote: what was asked, and what became of the answers.

    `dropped` are answers that were no use, `failed` requests without an answer, both by reason; `cut` counts documents
    that were asked about without their middle.
    """

    model: str
    identity: dict[str, Any]
    host: str
    prompts: dict[str, str]
    decoding: dict[str, Any]
    asked: int
    answered: int
    dropped: dict[str, int]
    failed: dict[str, int]
    cut: int


class Manifest(_Record):
    """A corpus: `manifest.json`.

    `file` is `documents.jsonl` or `rows.jsonl` and `sha256` its hash. `dropped` sums the sources' by reason. `tokens`
    are of all texts of a row, without special tokens; where it is None, `tokens_unknown` says why.
    """

    version: Literal[1] = 1
    clueplus: str
    kind: Kind
    spec: CorpusSpec
    file: str
    sha256: str
    rows: int
    with_task_data: int = 0
    characters: int
    tokens: int | None
    tokens_unknown: str | None = None
    sources: list[SourceRecord]
    dropped: dict[str, int]
    overlaps: list[Overlap]
    test_splits: list[TestSplit]
    task_data: Asking | None = None

    @property
    def unchecked(self) -> list[TestSplit]:
        """The test splits that no row was compared with."""
        return [split for split in self.test_splits if split.unchecked]

    def refuse_empty(self) -> None:
        """Refuses a corpus without a row.

        Raises:
            DataError: there is none; the message counts what became of all.
        """
        if not self.rows:
            what = ", ".join(f"{count} {reason}" for reason, count in self.dropped.items()) or "no row was read"
            read = sum(source.read for source in self.sources)
            raise DataError(f"nothing is left of {read} rows: {what}", fix="other sources, or other columns")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a corpus.

    Raises:
        DataError: there is none, or it is of another form.
    """
    path = folder / NAME
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{folder} is no corpus: {error.strerror or error}", fix="build it first") from error
    except ValidationError as error:
        raise DataError(f"{path}: not the manifest of a corpus", fix="build it again") from error


def summed(counts: list[Mapping[str, int]]) -> dict[str, int]:
    """Counts by name, added up, in the order in which the names come."""
    total: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return total
