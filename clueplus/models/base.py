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
Order = Literal["prefix", "length"]


@dataclass(frozen=True)
class Decoding:
    """How an answer is generated. Temperature 0 is greedy.

    Nothing else shapes the text: `top_p` and `repetition_penalty` are sent as 1, because servers would otherwise take
    them from the model's generation config.
    """

    max_tokens: int
    temperature: float
    stop: tuple[str, ...]
    seed: int = 1234

    def record(self) -> dict[str, Any]:
        """The parameters as plain values, for keys and records."""
        return {
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": 1.0,
            "repetition_penalty": 1.0,
            "stop": [*self.stop],
            "seed": self.seed,
        }


@dataclass(frozen=True, repr=False)
class Request:
    """One answer that is wanted: sample `sample` of the item `index` of `task`, as the rendered prompt.

    `cut` counts the characters that were taken out of the document's middle to make the prompt fit. `refused` is the
    reason why the request is not sent at all. `schema` is a JSON schema that the server is asked to keep to; it belongs
    into the key.
    """

    task: str
    index: int
    document: Mapping[str, Any]
    prompt: Prompt
    prompt_hash: str
    decoding: Decoding
    tier: Tier
    key: str
    sample: int = 0
    cut: int = 0
    refused: str | None = None
    schema: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        """Where the request belongs: its texts may be restricted, and a `repr` ends in logs."""
        return f"Request({self.task} {self.index}.{self.sample})"


@dataclass(frozen=True, repr=False)
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
    """What answers requests.

    `stop` ends its answers beside the task's own stop strings. `context` is the number of tokens that a prompt and its
    answer may have together, None when nobody knows. `order` is how it likes its requests: equal beginnings together
    ("prefix", for an engine with a prefix cache) or longest first ("length", for batches with padding).
    """

    name: str
    concurrency: int
    stop: tuple[str, ...]
    context: int | None
    order: Order

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

    async def count(self, request: Request) -> int | None:
        """The tokens of a request's prompt as the model reads it, template included; None when it can't be told."""
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

    Its ingredients, and nothing else: the model's identity (weights hash, or served model and revision; the hash of its
    chat template; of a baseline, its rule and pool), the API, the rendered prompt, every decoding parameter, and the
    number of the sample.
    """
    return sha256(
        canonical_json(
            {"model": identity, "api": api, "prompt": prompt_digest, "decoding": decoding.record(), "sample": sample}
        )
    )
