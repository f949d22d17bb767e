"""A model that transformers runs in this process, for machines where no server can run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from clueplus.errors import ClueplusError, EndpointError
from clueplus.models.base import Answer, Api, Order, Request, RequestFailedError
from clueplus.models.checkpoint import Asked, Checkpoint, is_out_of_memory
from clueplus.models.template import Template
from clueplus.models.weights import weights_fingerprint

# Prompts share a batch when padding at most doubles the shorter one; this many tokens of padding are always allowed.
_FREE_PADDING = 64


@dataclass(eq=False)
class _Waiting:
    """A request in the queue. Those with an equal `company` may share a batch; None is answered alone."""

    asked: Asked
    company: tuple[int, bool] | None
    answer: asyncio.Future[Answer]


class _Failure(NamedTuple):
    """Why a batch has no answers. The error itself stays behind: it holds the batch's tensors, and maybe its text."""

    name: str
    out_of_memory: bool


class InProcessModel:
    """One checkpoint that answers in batches of prompts of alike length, longest first.

    A request gets the text that it would get alone, but for the float noise of another batch shape. The same requests
    in the same order make the same batches.

    Args:
        name: what records call it.
        weights: a folder, or a hub id.
        revision: of a hub id; what is known of the weights, for the response key.
        api: "chat" applies the checkpoint's chat template; "completions" reads prompts as plain text.
        stop: strings that end an answer beside the task's own.
        dtype: of the weights, as torch names it, or "auto" for the checkpoint's own.
        batch: the most prompts that are answered at once; halved whenever memory runs out.

    Raises:
        ClueplusError: `batch` is below 1.
    """

    def __init__(
        self,
        name: str,
        weights: str,
        *,
        revision: str | None = None,
        api: Api = "chat",
        stop: Sequence[str] = (),
        dtype: str = "auto",
        batch: int = 8,
    ) -> None:
        if batch < 1:
            raise ClueplusError(f"a batch of {batch} prompts", fix="at least 1")
        self.name = name
        self.stop = tuple(stop)
        # Four batches wait, so that there are prompts of alike length to choose from.
        self.concurrency = 4 * batch
        self.context: int | None = None
        self.order: Order = "length"
        self._weights, self._revision, self._api, self._dtype, self._batch = weights, revision, api, dtype, batch
        self._fingerprint: str | None = None
        self._template: Template | None = None
        self._checkpoint: Checkpoint | None = None
        self._waiting: list[_Waiting] = []
        self._arrived = asyncio.Event()
        self._closing = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="generate")
        self._batcher: asyncio.Task[None] | None = None

    @property
    def api(self) -> Api:
        """The API that prompts are rendered for."""
        return self._api

    def identity(self, task: str) -> dict[str, Any]:
        """The weights, by fingerprint when they lie on this machine, and what the chat template does; after `open`."""
        return {
            "kind": "transformers",
            "model": self.name,
            "weights": self._fingerprint,
            "root": None if self._fingerprint else self._weights,
            "revision": self._revision,
            "template": self._template.digest if self._template else None,
        }

    async def open(self) -> None:
        """Loads the checkpoint, which may take minutes.

        Raises:
            ClueplusError: torch or transformers is missing, or the template opens a prompt with two BOS tokens.
            EndpointError: the model can't be loaded, or has no chat template that works.
        """
        try:
            self._checkpoint = await asyncio.get_running_loop().run_in_executor(self._thread, self._load)
        except BaseException:
            await self.close()
            raise
        self.context, self._template = self._checkpoint.context, self._checkpoint.template
        self._batcher = asyncio.create_task(self._serve(self._checkpoint))

    def _load(self) -> Checkpoint:
        if Path(self._weights).is_dir():
            self._fingerprint = weights_fingerprint(Path(self._weights))
        return Checkpoint(self._weights, revision=self._revision, api=self._api, dtype=self._dtype)

    async def count(self, request: Request) -> int | None:
        """The tokens of a request's prompt, chat template and BOS included; None where the template refuses it."""
        with suppress(RequestFailedError):
            return len(self._opened().ids(request.prompt))
        return None

    async def answer(self, request: Request) -> Answer:
        """The model's answer, as soon as its batch is done. `seconds` are those of the whole batch."""
        checkpoint = self._opened()
        # In this thread on purpose: were it in another, the batches would depend on which prompt is ready first.
        asked = Asked(checkpoint.ids(request.prompt), request.decoding)
        if self.context is not None and len(asked.ids) + request.decoding.max_tokens > self.context:
            raise RequestFailedError(f"prompt too long for the model's context of {self.context} tokens")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(asked, _company(asked, checkpoint.rope_switch), future))
        self._arrived.set()
        return await future

    def _opened(self) -> Checkpoint:
        if self._checkpoint is None or self._closing.is_set():
            raise EndpointError(f"the model {self.name} is not loaded", fix="run the same command again")
        return self._checkpoint

    async def _serve(self, checkpoint: Checkpoint) -> None:
        """Answers what waits, batch after batch, until the model closes."""
        loop = asyncio.get_running_loop()
        try:
            while not self._closing.is_set():
                group = self._next()
                if group:
                    found = await loop.run_in_executor(self._thread, self._attempt, checkpoint, group)
                    self._settle(group, found)
                    # Whoever got an answer asks for the next one before the next batch is made.
                    await asyncio.sleep(0)
                else:
                    self._arrived.clear()
                    await self._arrived.wait()
        finally:
            self._closing.set()
            for waiting in self._waiting:
                _fail(waiting, EndpointError(f"the model {self.name} was closed", fix="run the same command again"))

    def _next(self) -> list[_Waiting]:
        """The longest waiting request, and those that may share its batch."""
        waiting = self._waiting = [one for one in self._waiting if not one.answer.done()]
        waiting.sort(key=lambda one: len(one.asked.ids), reverse=True)
        if not waiting or waiting[0].company is None:
            return waiting[:1]
        longest = len(waiting[0].asked.ids)
        alike = [one for one in waiting if longest <= 2 * len(one.asked.ids) + _FREE_PADDING]
        return [one for one in alike if one.company == waiting[0].company][: self._batch]

    def _attempt(self, checkpoint: Checkpoint, group: list[_Waiting]) -> list[Answer] | _Failure:
        """One batch, in the worker thread."""
        try:
            return checkpoint.generate([one.asked for one in group], self._closing)
        except Exception as error:
            failure = _Failure(type(error).__name__, is_out_of_memory(error))
        # Only here, where the error is gone, can the memory that it held be freed.
        checkpoint.tidy()
        return failure

    def _settle(self, group: list[_Waiting], found: list[Answer] | _Failure) -> None:
        """Hands out answers; of a failed batch, the requests go on waiting, for a smaller one."""
        if self._closing.is_set():
            return
        if isinstance(found, list):
            for waiting, answer in zip(group, found, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(answer)
        elif len(group) == 1:
            _fail(group[0], RequestFailedError(_reason(found, group[0])))
        elif found.out_of_memory:
            self._batch = len(group) // 2
        else:
            for waiting in group:
                waiting.company = None

    async def close(self) -> None:
        """Ends generation after the next token, fails what still waits, and frees the model."""
        self._closing.set()
        if self._batcher is not None:
            self._batcher.cancel()
            await asyncio.gather(self._batcher, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown)
        checkpoint, self._checkpoint = self._checkpoint, None
        if checkpoint is not None:
            self._batcher = None
            checkpoint.free()


def _company(asked: Asked, rope_switch: int | None) -> tuple[int, bool] | None:
    """What requests must have in common to share a batch, None for a request that can't share one.

    A short answer would sit out the long ones of its batch. A sampled one draws from its own seed. And where positions
    change with the longest row, no row may reach the switch in another one's company.
    """
    tokens, limit = len(asked.ids), asked.decoding.max_tokens
    if asked.decoding.temperature > 0:
        return None
    if rope_switch is not None and tokens <= rope_switch < tokens + limit:
        return None
    return limit, rope_switch is not None and tokens > rope_switch


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)


def _reason(failure: _Failure, waiting: _Waiting) -> str:
    if failure.out_of_memory:
        return f"out of memory with one request of {len(waiting.asked.ids)} tokens"
    return f"generation failed ({failure.name})"
