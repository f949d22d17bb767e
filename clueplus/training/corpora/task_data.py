"""Task data that a served model writes for every document: what pre-instruction tuning is trained on."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from clueplus.errors import ClueplusError
from clueplus.evaluation.generate import Generation, generate
from clueplus.evaluation.score import DEFAULT_REASONING, without_reasoning
from clueplus.evaluation.stores import Stores, private_stores
from clueplus.evaluation.task import cut_middle
from clueplus.files import sha256
from clueplus.models import Answer, Decoding, EndpointModel, Request
from clueplus.models.base import prompt_hash, response_key
from clueplus.records.run import MAX_INFRASTRUCTURE_SHARE
from clueplus.registry import Tier
from clueplus.training.corpora.filters import CONTAMINATED, Filters
from clueplus.training.corpora.manifest import Asking
from clueplus.training.corpora.prompts import PROMPTS
from clueplus.training.corpora.spec import CorpusSpec, TaskData
from clueplus.training.corpora.surroundings import Surroundings

CUT_OFF = "cut off by the token limit"
EMPTY = "empty answer"
# Documents that are in memory at once.
_BATCH = 2048
# A prompt's own words, and how few characters a token may have: clinical text is short of vowels.
_PROMPT_TOKENS, _CHARACTERS_A_TOKEN = 256, 2


def check_endpoint(wanted: TaskData) -> None:
    """Refuses an endpoint that can't be used, before hours go into reading what it is to be asked about.

    Raises:
        EndpointError: it is down, is no such API, or serves something else.
    """

    async def look() -> None:
        model = EndpointModel(wanted.model, wanted.base_url)
        await model.open()
        await model.close()

    asyncio.run(look())


def add_task_data(spec: CorpusSpec, path: Path, filters: Filters, surroundings: Surroundings) -> Asking:
    """Asks for the task data of every document that has none, and writes it into the file.

    Every answer is stored at once in the user's data folder, which its owner alone may read; a second build, after an
    interruption or with other documents, asks only what it has no answer to.

    Args:
        spec: of the corpus, with `task_data`.
        path: the documents; replaced when all are asked.
        filters: an answer that shares text with a test split is dropped as well.
        surroundings: hears of the progress.

    Raises:
        ClueplusError: the endpoint can't be used, or too many requests failed.
    """
    assert spec.task_data is not None
    asker = _Asker(spec.task_data, {source.name: source.tier for source in spec.sources}, filters, surroundings)
    return asyncio.run(asker.run(path))


@dataclass
class _Counts:
    """What became of the requests."""

    asked: int = 0
    answered: int = 0
    cut: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)


class _Asker:
    """One file's asking."""

    def __init__(self, wanted: TaskData, tiers: Mapping[str, Tier], filters: Filters, around: Surroundings) -> None:
        self._wanted, self._tiers, self._filters, self._around = wanted, tiers, filters, around
        self._model = EndpointModel(wanted.model, wanted.base_url)
        self._decoding = Decoding(wanted.max_tokens, 0.0, ())
        self._counts = _Counts()

    async def run(self, path: Path) -> Asking:
        """Asks about all documents of a file."""
        try:
            await self._model.open()
            stores = private_stores(self._model.name, "task-data.jsonl").load()
            target = path.with_name(f"{path.name}.asked")
            with path.open(encoding="utf-8") as documents, target.open("w", encoding="utf-8", newline="\n") as file:
                target.chmod(path.stat().st_mode)
                while lines := list(islice(documents, _BATCH)):
                    for document in await self._batch([json.loads(line) for line in lines], stores):
                        file.write(json.dumps(document, ensure_ascii=False) + "\n")
            target.replace(path)
        finally:
            await self._model.close()
        self._refuse_failures()
        return self._record()

    async def _batch(self, documents: list[dict[str, Any]], stores: Stores) -> list[dict[str, Any]]:
        asked = [(document, list(self._requests(document))) for document in documents]
        requests = [request for _, each in asked for request in each]
        before = self._counts.asked
        self._counts.asked += len(requests)

        def progress(state: Generation) -> None:
            self._around.progress("task data", before + state.reused + state.generated + len(state.failures))

        outcome = await generate(self._model, requests, stores, progress=progress)
        self._counts.failed.update(outcome.failures[r.key] for r in requests if r.key in outcome.failures)
        for document, each in asked:
            outputs = [text for request in each if (text := self._kept(stores.get(request)))]
            if outputs:
                document["task_data"] = outputs
        return documents

    def _requests(self, document: dict[str, Any]) -> Iterator[Request]:
        """What is asked about a document, unless it has task data."""
        if document.get("task_data"):
            return
        text = self._fitting(document["text"])
        for number, kind in enumerate(self._wanted.kinds):
            prompt = [{"role": "user", "content": PROMPTS[kind].format(document=text)}]
            digest = prompt_hash(prompt)
            key = response_key(self._model.identity("task data"), self._model.api, digest, self._decoding)
            tier = self._tiers[document["source"]]
            yield Request("task data", number, {}, prompt, digest, self._decoding, tier, key)

    def _fitting(self, text: str) -> str:
        """The document, without its middle where the model's context is too short for all of it."""
        if self._model.context is None:
            return text
        tokens = self._model.context - self._wanted.max_tokens - _PROMPT_TOKENS
        excess = len(text) - max(0, tokens) * _CHARACTERS_A_TOKEN
        if excess <= 0:
            return text
        self._counts.cut += 1
        return cut_middle(text, excess)

    def _kept(self, answer: Answer | None) -> str | None:
        """What of an answer is task data."""
        if answer is None:
            return None
        text = without_reasoning(answer.text, *DEFAULT_REASONING).strip()
        reason = CUT_OFF if answer.finish_reason == "length" else None if text else EMPTY
        if reason is None and self._filters.shares(text):
            reason = CONTAMINATED
        if reason is not None:
            self._counts.dropped[reason] += 1
            return None
        self._counts.answered += 1
        return text

    def _refuse_failures(self) -> None:
        """Documents that lack their task data by chance make another corpus; a handful is counted and goes without."""
        failed = self._counts.failed.total()
        if failed > MAX_INFRASTRUCTURE_SHARE * self._counts.asked:
            raise ClueplusError(
                f"{failed} of {self._counts.asked} requests for task data got no answer: "
                f"{self._counts.failed.most_common(1)[0][0]}",
                fix="mend the cause and build again: only what failed is asked again",
            )

    def _record(self) -> Asking:
        return Asking(
            model=self._model.name,
            identity=self._model.identity("task data"),
            host=self._model.endpoints[0].host,
            prompts={kind: sha256(PROMPTS[kind]) for kind in self._wanted.kinds},
            decoding=self._decoding.record(),
            asked=self._counts.asked,
            answered=self._counts.answered,
            dropped=dict(self._counts.dropped),
            failed=dict(self._counts.failed),
            cut=self._counts.cut,
        )
