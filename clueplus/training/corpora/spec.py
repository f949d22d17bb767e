"""What a corpus is made of."""

from __future__ import annotations

import codecs
from typing import Literal

from pydantic import Field, field_validator, model_validator

from clueplus.training.spec import Strict

Kind = Literal["documents", "instructions", "preferences"]
Derived = Literal["icd10cm", "mts_dialog", "aci_bench"]
AskedFor = Literal["summary", "questions", "entities", "relations"]


class Source(Strict):
    """One source: a file, a folder, a data set, or text that is made from a registered task's open data.

    Exactly one of `path` (JSONL, Parquet or text; a folder or a glob of them), `dataset` (a Hugging Face data set: a
    hub id or a folder) and `derived` is given. `text` names the column of a document's text; `task_data` one with the
    task outputs of a document (a text or a list of texts) for pre-instruction tuning. `limit` reads no more rows than
    that. `tier` restricted: the text may not leave this machine, and only its owner may read the corpus. `revision` is
    of a data set on the hub, `encoding` of plain text and JSONL.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    licence: str
    homepage: str | None = None
    path: str | None = None
    dataset: str | None = None
    split: str = "train"
    derived: Derived | None = None
    text: str = "text"
    task_data: str | None = None
    limit: int | None = Field(default=None, ge=1)
    tier: Literal["open", "restricted"] = "open"
    revision: str | None = None
    encoding: str = "utf-8"

    @model_validator(mode="after")
    def _one_origin(self) -> Source:
        if sum(value is not None for value in (self.path, self.dataset, self.derived)) != 1:
            raise ValueError("give one of 'path', 'dataset' and 'derived'")
        return self

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            codecs.lookup(value)
        except LookupError as error:
            raise ValueError(f"no encoding is called '{value}'") from error
        return value


class NearDuplicates(Strict):
    """MinHash over word n-grams: documents whose estimated Jaccard similarity is at least `threshold` are one."""

    threshold: float = Field(default=0.8, gt=0, le=1)
    ngram: int = Field(default=5, ge=1)
    permutations: int = Field(default=128, ge=16)


class Decontamination(Strict):
    """Documents that share a word n-gram with a registered test split are dropped.

    `share` is the share of one test text's n-grams that a document may have and stay: 0 for none at all. Above 0, stock
    phrases that all notes of a genre have do not cost a document; docs/design/corpora.md has the figures.
    """

    ngram: int = Field(default=13, ge=5)
    share: float = Field(default=0.0, ge=0, lt=1)


class TaskData(Strict):
    """Task outputs for every document, written by a served model, for pre-instruction tuning."""

    base_url: str
    model: str
    kinds: tuple[AskedFor, ...] = Field(default=("summary",), min_length=1)
    max_tokens: int = Field(default=512, ge=16)

    @field_validator("base_url")
    @classmethod
    def _no_secret(cls, value: str) -> str:
        if "@" in value:
            raise ValueError("a URL with a password ends in records: set CLUEPLUS_API_KEY instead")
        return value


class CorpusSpec(Strict):
    """A corpus of documents, of instruction rows, or of preference rows."""

    kind: Kind = "documents"
    sources: tuple[Source, ...] = Field(min_length=1)
    near_duplicates: NearDuplicates | None = NearDuplicates()
    decontaminate: Decontamination = Decontamination()
    task_data: TaskData | None = None
    seed: int = Field(default=1234, ge=0)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> CorpusSpec:
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise ValueError("two sources have one name")
        if self.kind != "documents":
            if self.task_data or any(source.task_data for source in self.sources):
                raise ValueError("task data belongs to documents")
            if any(source.derived for source in self.sources):
                raise ValueError("what is derived are documents")
        return self
