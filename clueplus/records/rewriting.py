"""What is recorded of documents that a language model made: which model, what it was asked, how much was kept."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from clueplus.registry import Tier, VariantName


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MadeBy(_Strict):
    """The model that made a data set, and how it was asked: made by another one, it is another data set.

    `identity` is part of every response key; `prompt` is the sha256 of the prompt's template; `decoding` has the seed.
    """

    model: str
    identity: dict[str, Any]
    api: str
    engine: str | None = None
    prompt: str
    decoding: dict[str, Any]
    clueplus: str


class RewriteReport(_Strict):
    """How much of what a model was asked became documents. Counts and hashes; no document text.

    `rejected` counts rows of the file that nobody was asked about, `asked` the questions to the model, `failed` those
    that got no answer. Of the candidates in the answers, `kept` became documents, `splits` tells of which split, and
    the others are counted in `dropped`, all by reason. `acceptance` is kept / (kept + dropped).
    """

    task: str
    variant: VariantName
    tier: Tier
    made_by: MadeBy
    sources: dict[str, str]
    rejected: dict[str, int]
    asked: int
    failed: dict[str, int]
    kept: int
    dropped: dict[str, int]
    acceptance: float
    splits: dict[str, int]
    documents_sha256: str
    hosts: list[str] = []
    data_use: dict[str, Any] | None = None
