"""What a corpus is made of."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clueplus.training.spec import Strict

Kind = Literal["documents", "instructions", "preferences"]


class Source(Strict):
    """One source: a file, a folder, a data set, or text that is made from a registered task's open data.

    Exactly one of `path` (JSONL, Parquet or text; a folder or a glob of them), `dataset` (a Hugging Face data set: a
    hub id or a folder) and `derived` is given. `text` names the column of a document's text; `task_data` one with the
    task outputs of a document (a text or a list of texts) for pre-instruction tuning.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    licence: str
    homepage: str | None = None
    path: str | None = None
    dataset: str | None = None
    split: str = "train"
    derived: Literal["icd10cm", "mts_dialog", "aci_bench"] | None = None
    text: str = "text"
    task_data: str | None = None
    limit: int | None = Field(default=None, ge=1)


class NearDuplicates(Strict):
    """MinHash over word n-grams: documents whose estimated Jaccard similarity is at least `threshold` are one."""

    threshold: float = Field(default=0.8, gt=0, le=1)
    ngram: int = Field(default=5, ge=1)
    permutations: int = Field(default=128, ge=16)


class Decontamination(Strict):
    """Documents that share a word n-gram with a registered test split are dropped."""

    ngram: int = Field(default=13, ge=5)


class TaskData(Strict):
    """Task outputs for every document, written by a served model, for pre-instruction tuning."""

    base_url: str
    model: str
    kinds: tuple[Literal["summary", "questions", "entities", "relations"], ...] = ("summary",)
    max_tokens: int = Field(default=512, ge=16)


class CorpusSpec(Strict):
    """A corpus of documents, of instruction rows, or of preference rows."""

    kind: Kind = "documents"
    sources: tuple[Source, ...] = Field(min_length=1)
    near_duplicates: NearDuplicates | None = NearDuplicates()
    decontaminate: Decontamination = Decontamination()
    task_data: TaskData | None = None
    seed: int = Field(default=1234, ge=0)
