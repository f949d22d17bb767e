"""What every model is to the rest of the house: an identity, and an answer to a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from clueplus.files import canonical_json, sha256
from clueplus.registry import Tier

Message = dict[str, str]
Prompt = str | list[Message]
Api = Literal["chat", "completions"]


@dataclass(frozen=True)
class Decoding:
    """How an answer is generated. Temperature 0 is greedy."""

    max_tokens: int
    temperature: float
    stop: tuple[str, ...]
    seed: int = 1234

    def record(self) -> dict[str, Any]:
        """The parameters as plain values, for keys and records."""
        return {"max_tokens": self.max_tokens, "temperature": self.temperature, "stop": [*self.stop], "seed": self.seed}


@dataclass(frozen=True)
class Request:
    """One answer that is wanted: the item `index` of `task`, as the rendered prompt."""

    task: str
    index: int
    document: Mapping[str, Any]
    prompt: Prompt
    prompt_hash: str
    decoding: Decoding
    tier: Tier
    key: str


@dataclass(frozen=True)
class Answer:
    """A model's text. `finish_reason` is "length" when the token limit cut it; token counts are None where not told."""

    text: str
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None


class RequestFailedError(Exception):
    """One request that got no answer: an infrastructure error, not the model's fault. The text holds no prompt."""


class Model(Protocol):
    """What answers requests. `stop` ends its answers beside the task's own stop strings."""

    name: str
    concurrency: int
    stop: tuple[str, ...]

    @property
    def api(self) -> Api:
        """Whether prompts are messages or text."""
        ...

    def identity(self, task: str) -> dict[str, Any]:
        """What makes two models the same model on a task: part of every response key."""
        ...

    async def open(self) -> None:
        """Gets ready.

        Raises:
            EndpointError: the model can't be used at all.
        """
        ...

    async def answer(self, request: Request) -> Answer:
        """The answer to one request.

        Raises:
            RequestFailedError: this request has no answer; others may.
            EndpointError: no request will get an answer any more.
        """
        ...

    async def close(self) -> None:
        """Releases connections."""
        ...


def prompt_hash(prompt: Prompt) -> str:
    """The sha256 of a rendered prompt."""
    return sha256(canonical_json(prompt))


def characters(prompt: Prompt) -> int:
    """The length of a prompt's texts."""
    return len(prompt) if isinstance(prompt, str) else sum(len(message["content"]) for message in prompt)


def response_key(identity: Mapping[str, Any], api: Api, prompt_digest: str, decoding: Decoding, sample: int = 0) -> str:
    """The key under which an answer is stored and found; no two different questions to a model share one.

    Its ingredients, and nothing else: the model's identity (weights hash, or served model and revision; of a baseline,
    its rule and pool), the API and with it who applies the chat template, the rendered prompt, every decoding
    parameter, and the number of the sample.
    """
    return sha256(
        canonical_json(
            {"model": identity, "api": api, "prompt": prompt_digest, "decoding": decoding.record(), "sample": sample}
        )
    )
