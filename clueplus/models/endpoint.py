"""A client of any OpenAI-compatible endpoint: bounded, patient, and silent about prompts."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clueplus.errors import EndpointError, did_you_mean, one_line
from clueplus.files import sha256
from clueplus.models.base import Answer, Api, Order, Prompt, Request, RequestFailedError

API_KEY_VARIABLE = "CLUEPLUS_API_KEY"
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_TOO_LONG = ("context length", "context window", "too long", "maximum model length", "max_model_len", "maximum input")


class EndpointModel:
    """One served model behind one base URL (`http://host:port/v1`).

    A request is tried up to `attempts` times with exponential back-off and jitter; then a refused connection ends the
    run (`EndpointError`), anything else fails that request alone (`RequestFailedError`).

    Args:
        name: the served model's name, as `GET /models` lists it.
        base_url: where the API is; a bare host gets "/v1".
        api: "chat" (the server applies its chat template) or "completions" (plain text).
        revision: what is known of the weights, for the response key.
        stop: strings that end an answer beside the task's own: the chat template's end token where a server ignores it.
        concurrency: requests in flight.
        timeout: seconds for one try.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        api: Api = "chat",
        revision: str | None = None,
        stop: Sequence[str] = (),
        concurrency: int = 32,
        timeout: float = 600.0,
        attempts: int = 5,
        backoff: float = 0.5,
    ) -> None:
        self.name = name
        self.base_url = normalise_url(base_url)
        self.concurrency = concurrency
        self.stop = tuple(stop)
        self.context: int | None = None
        self.order: Order = "prefix"
        self._api: Api = api
        self._revision = revision
        self._timeout = timeout
        self._attempts = attempts
        self._backoff = backoff
        self._root: str | None = None
        self._weights: str | None = None
        self._session: Any = None

    @property
    def api(self) -> Api:
        """The API that prompts are rendered for."""
        return self._api

    def identity(self, task: str) -> dict[str, Any]:
        """The served model, where its weights come from, and a fingerprint of them when they lie on this machine."""
        return {
            "kind": "endpoint",
            "model": self.name,
            "root": None if self._weights else self._root,
            "revision": self._revision,
            "weights": self._weights,
        }

    async def open(self) -> None:
        """Connects and checks that the server is one, and serves this model."""
        import aiohttp

        key = os.environ.get(API_KEY_VARIABLE) or os.environ.get("OPENAI_API_KEY")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.concurrency),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )
        try:
            entry = self._entry(await self._models())
        except EndpointError:
            await self.close()
            raise
        self._root = entry.get("root") if isinstance(entry.get("root"), str) else None
        length = entry.get("max_model_len")
        self.context = length if isinstance(length, int) else None
        if self._root and Path(self._root).is_dir():
            self._weights = weights_fingerprint(Path(self._root))

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()

    async def count(self, prompt: Prompt) -> int | None:
        """Not told yet."""
        return None

    async def answer(self, request: Request) -> Answer:
        """The server's answer, after retries."""
        import aiohttp

        reason, refused = "", False
        for attempt in range(self._attempts):
            if attempt:
                # Jitter only spreads load; it has no part in any result, so it needs no seed.
                await asyncio.sleep(self._backoff * 2 ** (attempt - 1) * (0.5 + random.random()))  # noqa: S311
            try:
                return await self._try(request)
            except aiohttp.ClientConnectionError as error:
                reason, refused = f"{self.base_url} does not answer ({type(error).__name__})", True
            except TimeoutError:
                reason, refused = f"no answer within {self._timeout:g} s", False
            except _RetryableError as error:
                reason, refused = str(error), False
        if refused:
            raise EndpointError(
                reason, fix="start the server again, then run the same command: finished answers are kept"
            )
        raise RequestFailedError(f"{reason}, {self._attempts} times")

    async def _try(self, request: Request) -> Answer:
        start = time.perf_counter()
        url = f"{self.base_url}/{'chat/completions' if self._api == 'chat' else 'completions'}"
        async with self._session.post(url, json=self._payload(request)) as response:
            body = await response.read()
        if response.status in _RETRIED:
            raise _RetryableError(f"HTTP {response.status}")
        if response.status != 200:
            raise RequestFailedError(_refusal(response.status, body, quote=request.tier != "restricted"))
        return _parse(body, self._api, time.perf_counter() - start)

    def _payload(self, request: Request) -> dict[str, Any]:
        decoding = request.decoding
        return {
            "model": self.name,
            ("messages" if self._api == "chat" else "prompt"): request.prompt,
            "max_tokens": decoding.max_tokens,
            "temperature": decoding.temperature,
            "stop": [*decoding.stop],
            "seed": decoding.seed,
        }

    async def _models(self) -> list[dict[str, Any]]:
        import aiohttp

        fix = "check --base-url and that the server is up, for example: vllm serve MODEL, then --base-url http://127.0.0.1:8000/v1"
        try:
            async with self._session.get(
                f"{self.base_url}/models", timeout=aiohttp.ClientTimeout(total=30)
            ) as response:
                status, body = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EndpointError(
                f"the endpoint {self.base_url} does not answer ({type(error).__name__})", fix=fix
            ) from error
        if status in (401, 403):
            raise EndpointError(
                f"{self.base_url}/models: HTTP {status}", fix=f"set {API_KEY_VARIABLE} to the endpoint's key"
            )
        try:
            data = json.loads(body)["data"]
            if status != 200 or not all(isinstance(entry["id"], str) for entry in data):
                raise ValueError
        except (ValueError, KeyError, TypeError) as error:
            found = "HTML" if body.lstrip()[:1] == b"<" else "an empty page" if not body.strip() else "something else"
            raise EndpointError(
                f"{self.base_url}/models is not an OpenAI-compatible API: HTTP {status} with {found}", fix=fix
            ) from error
        return list(data)

    def _entry(self, models: list[dict[str, Any]]) -> dict[str, Any]:
        for entry in models:
            if entry["id"] == self.name:
                return entry
        served = [entry["id"] for entry in models]
        raise EndpointError(
            f"{self.base_url} does not serve '{self.name}'", fix=f"--model: {did_you_mean(self.name, served)}"
        )


class _RetryableError(Exception):
    """A fault that may pass: try again."""


def normalise_url(url: str) -> str:
    """The base URL of an API, from what people paste: with or without "/v1", a slash, or the path of one method.

    Raises:
        EndpointError: not an http(s) URL.
    """
    url = url.strip().rstrip("/")
    for tail in ("/chat/completions", "/completions", "/models"):
        url = url.removesuffix(tail)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EndpointError(f"'{one_line(url)}' is not a URL", fix="--base-url http://HOST:PORT/v1")
    return url if parts.path.strip("/") else f"{url}/v1"


def weights_fingerprint(folder: Path) -> str:
    """A sha256 that changes when the weights in a local folder do: names, sizes, times, and both ends of every file.

    Reading whole checkpoints would take minutes; training rewrites the file, which changes its time and its content.
    """
    parts = []
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin"), folder / "config.json"]):
        if path.is_file():
            stat = path.stat()
            with path.open("rb") as file:
                head = file.read(1 << 20)
                file.seek(max(0, stat.st_size - (1 << 20)))
                parts.append([path.name, stat.st_size, stat.st_mtime_ns, sha256(head), sha256(file.read())])
    return sha256(json.dumps(parts))


def _refusal(status: int, body: bytes, *, quote: bool) -> str:
    """Why a request was refused. The server's words are quoted only where no restricted text can be among them."""
    text = body.decode("utf-8", "replace")
    if any(phrase in text.lower() for phrase in _TOO_LONG):
        return "prompt too long for the served context (raise the server's --max-model-len or leave the task out)"
    try:
        error = json.loads(text)
        error = error.get("error", error)
        words = str(error.get("message", "")) if isinstance(error, dict) else str(error)
    except (ValueError, AttributeError):
        words = "HTML page" if text.lstrip()[:1] == "<" else ""
    return f"HTTP {status}{': ' + one_line(words)[:160] if words and quote else ''}"


def _parse(body: bytes, api: Api, seconds: float) -> Answer:
    """The answer in a response body.

    Raises:
        _RetryableError: the body is no completion: HTML from a proxy, nothing, NaN, a missing choice.
    """
    try:
        data = json.loads(body)
        choice = data["choices"][0]
        text = choice["message"]["content"] if api == "chat" else choice["text"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        found = "HTML" if body.lstrip()[:1] == b"<" else "an empty body" if not body.strip() else "no completion"
        raise _RetryableError(f"the endpoint returned {found} instead of an answer") from error
    if text is None:  # a reasoning model that used up its budget, or a content filter: it answered nothing
        text = ""
    if not isinstance(text, str):
        raise _RetryableError("the endpoint returned an answer that is not text")
    usage = data.get("usage") if isinstance(data.get("usage"), dict) else {}
    return Answer(
        text=text,
        finish_reason=choice.get("finish_reason") if isinstance(choice.get("finish_reason"), str) else None,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        seconds=round(seconds, 4),
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
