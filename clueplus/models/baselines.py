"""Baselines that need no weights: the floor that every score is shown against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from clueplus.errors import ClueplusError, did_you_mean
from clueplus.files import canonical_json, sha256
from clueplus.models.base import Answer, Api, Order, Request
from clueplus.registry import TaskMetadata

BASELINES = ("majority", "lead", "nearest")
PREFIX = "baseline:"


class Example(NamedTuple):
    """A few-shot document: what a model would read, and the answer it should give."""

    input: str
    reference: str


@dataclass(frozen=True)
class Pool:
    """What a baseline may learn from: the few-shot pool of one task."""

    metadata: TaskMetadata
    examples: Sequence[Example]

    @cached_property
    def majority(self) -> str:
        """The most frequent reference; of several, the first in the pool."""
        return Counter(example.reference for example in self.examples).most_common(1)[0][0]

    @cached_property
    def index(self) -> Callable[[str], int]:
        """A function from a text to the number of the most similar example, by TF-IDF cosine over words."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(sublinear_tf=True)
        matrix = vectorizer.fit_transform([example.input for example in self.examples])
        return lambda text: int((matrix @ vectorizer.transform([text]).T).toarray().argmax())


def input_text(document: Mapping[str, Any], metadata: TaskMetadata) -> str:
    """The main input of a document as one text."""
    value = document[metadata.input]
    return "\n".join(value) if isinstance(value, list) else str(value)


def _majority(document: Mapping[str, Any], pool: Pool) -> str:
    return pool.majority


def _lead(document: Mapping[str, Any], pool: Pool) -> str:
    lead = pool.metadata.lead
    if lead.constant is not None:
        return lead.constant
    assert lead.field is not None
    return " ".join(str(document[lead.field]).split()[: lead.words])


def _nearest(document: Mapping[str, Any], pool: Pool) -> str:
    return pool.examples[pool.index(input_text(document, pool.metadata))].reference


_RULES: dict[str, Callable[[Mapping[str, Any], Pool], str]] = {
    "majority": _majority,
    "lead": _lead,
    "nearest": _nearest,
}


class BaselineModel:
    """A rule that answers from the document and the few-shot pool alone.

    `majority` gives the most frequent reference of the pool, `lead` the first words of the input (or a constant where
    the answer is a label), `nearest` the reference of the most similar example of the pool.
    """

    concurrency = 1
    stop: tuple[str, ...] = ()
    context: int | None = None
    order: Order = "prefix"
    api: Api = "chat"

    def __init__(self, name: str, pools: Mapping[str, Pool]) -> None:
        rule = name.removeprefix(PREFIX)
        if rule not in _RULES:
            known = [PREFIX + known for known in BASELINES]
            raise ClueplusError(f"unknown baseline '{name}'", fix=did_you_mean(name, known))
        self.name = PREFIX + rule
        self._rule = _RULES[rule]
        self._pools = pools

    def identity(self, task: str) -> dict[str, Any]:
        """The rule, and what it learned from."""
        pool = self._pools[task]
        learned = sha256(canonical_json([pool.metadata.lead.model_dump(), *map(list, pool.examples)]))
        return {"kind": "baseline", "model": self.name, "version": 1, "pool": learned}

    async def open(self) -> None:
        """Nothing to do."""

    async def count(self, request: Request) -> int | None:
        """Rules read no tokens."""
        return None

    async def answer(self, request: Request) -> Answer:
        """The rule's answer."""
        return Answer(self.reply(request.task, request.document), finish_reason="stop")

    def reply(self, task: str, document: Mapping[str, Any]) -> str:
        """The rule's text for one document."""
        return self._rule(document, self._pools[task])

    async def close(self) -> None:
        """Nothing to do."""
