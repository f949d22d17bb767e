"""One server behind one base URL: what it serves, and one try of one request."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clueplus.errors import ClueplusError, EndpointError, did_you_mean, one_line
from clueplus.models.base import Answer, Api, Prompt, Request
from clueplus.models.limit import AdaptiveLimit
from clueplus.models.template import PROBES, Template, read_template
from clueplus.models.weights import weights_fingerprint
from clueplus.models.wire import RetryableError, page_kind, payload, read_answer, refusal, tokenize_body

API_KEY_VARIABLE = "CLUEPLUS_API_KEY"
_PROBE_SECONDS = 60.0
_FIX = "check --base-url and that the server is up, for example: vllm serve MODEL, then --base-url http://127.0.0.1:8000/v1"


class UnreachableError(Exception):
    """Nobody listens, or the connection broke."""


class Endpoint:
    """A client of one OpenAI-compatible server. Redirects are not followed and proxies not used: text goes here only.

    Args:
        name: the served model's name, as `GET /models` lists it.
        base_url: where the API is (`http://host:port/v1`); a bare host gets "/v1".
        api: "chat" (the server applies its chat template) or "completions" (plain text).
        concurrency: most requests in flight.
        timeout: seconds for one try.
        restricted: whether restricted text may be sent here.
    """

    def __init__(
        self, name: str, base_url: str, *, api: Api, concurrency: int, timeout: float, restricted: bool
    ) -> None:
        self.name = name
        self.base_url = normalise_url(base_url)
        self.limit = AdaptiveLimit(concurrency)
        self.context: int | None = None
        self.template: Template | None = None
        self.is_vllm = False
        self.engine: str | None = None
        self._api: Api = api
        self._timeout = timeout
        self._restricted = restricted
        self._served: dict[str, Any] = {}
        self._session: Any = None

    @property
    def host(self) -> str:
        """Host and port, without user or password."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    def served(self) -> dict[str, Any]:
        """What is known of the weights and the template: equal for two servers of one model."""
        return self._served

    async def open(self) -> None:
        """Connects, and checks that the server is one, serves this model, and can do what the API needs.

        Raises:
            EndpointError: it can't be used; the message says why.
        """
        import aiohttp

        key = os.environ.get(API_KEY_VARIABLE) or os.environ.get("OPENAI_API_KEY")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )
        try:
            await self._look()
        except ClueplusError:
            await self.close()
            raise

    async def move(self, base_url: str) -> None:
        """Goes on with the same model at another address.

        Raises:
            EndpointError: what is served there is not the same.
        """
        before, self.base_url = self._served, normalise_url(base_url)
        await self._look()
        if self._served != before:
            raise EndpointError(f"the weights of '{self.name}' changed during the run", fix="start the run again")

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()

    async def attempt(self, request: Request) -> Answer:
        """One try.

        Raises:
            UnreachableError: the server is not there.
            RetryableError: a fault that may pass.
            RequestFailedError: the server refuses this request.
            ClueplusError: the request holds restricted text, which may not be sent to this host.
        """
        import aiohttp

        self._guard(request)
        start = time.perf_counter()
        url = f"{self.base_url}/{'chat/completions' if self._api == 'chat' else 'completions'}"
        body = payload(request, self.name, self._api, vllm=self.is_vllm, template=self.template)
        try:
            async with self._session.post(url, json=body, allow_redirects=False) as response:
                status, content = response.status, await response.read()
        except TimeoutError as error:
            raise RetryableError(f"no answer within {self._timeout:g} s", busy=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnreachableError(f"{self.base_url} does not answer ({type(error).__name__})") from error
        return read_answer(status, content, request, self._api, time.perf_counter() - start)

    async def count(self, request: Request) -> int | None:
        """The tokens of a request's prompt, template included; None where the server does not tell."""
        self._guard(request)
        if not self.is_vllm:
            return None
        chat = not isinstance(request.prompt, str)
        special = self.template.add_special_tokens if chat and self.template else not chat
        body = tokenize_body(self.name, request.prompt, generation_prompt=chat, special_tokens=special)
        _, reply = await self._post_json(f"{self._root_url}/tokenize", body)
        count = reply.get("count")
        return count if isinstance(count, int) else None

    def _guard(self, request: Request) -> None:
        if request.tier == "restricted" and not self._restricted:
            raise ClueplusError(
                f"restricted text may not be sent to {self.host}", fix="name the host in a data-use file (--attest)"
            )

    @property
    def _root_url(self) -> str:
        return self.base_url.removesuffix("/v1")

    async def _look(self) -> None:
        models = await self._models()
        entry = self._entry(models)
        length = entry.get("max_model_len")
        self.context = length if isinstance(length, int) else None
        self.is_vllm = entry.get("owned_by") == "vllm"
        if self.is_vllm:
            await self._read_template()
            self.engine = f"vllm {await self._version()}"
        else:
            await self._ask_one_token()
        parents = [other for other in models if other["id"] == entry.get("parent")]
        self._served = {
            "served": [_origin(each) for each in (entry, *parents)],
            "template": self.template.digest if self.template else None,
        }

    async def _read_template(self) -> None:
        if self._api == "completions":
            return
        replies = []
        for probe in PROBES:
            prompt: Prompt = probe.messages if probe.messages is not None else probe.text or ""
            body = tokenize_body(
                self.name,
                prompt,
                generation_prompt=probe.generation_prompt,
                special_tokens=probe.special_tokens,
            )
            status, reply = await self._post_json(f"{self._root_url}/tokenize", {**body, "return_token_strs": True})
            if status == 404:
                return  # a proxy before vLLM that passes the API alone
            if status != 200:
                raise self._without_template(status, json.dumps(reply).encode())
            replies.append(reply)
        self.template = read_template(
            [reply["tokens"] for reply in replies], [str(token) for token in replies[1]["token_strs"]]
        )

    async def _version(self) -> str:
        import aiohttp

        try:
            async with self._session.get(f"{self._root_url}/version", allow_redirects=False) as response:
                return str(json.loads(await response.read())["version"])
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
            return "of unknown version"

    async def _ask_one_token(self) -> None:
        """Asks for one token of nothing in particular: a wrong API or key shows here and not in every answer."""
        chat = self._api == "chat"
        prompt = [{"role": "user", "content": "Hello"}] if chat else "Hello"
        body = {"model": self.name, ("messages" if chat else "prompt"): prompt, "max_tokens": 1}
        status, reply = await self._post_json(f"{self.base_url}/{'chat/completions' if chat else 'completions'}", body)
        if status in (400, 401, 403, 404, 405, 422, 501):
            raise self._without_template(status, json.dumps(reply).encode())

    def _without_template(self, status: int, body: bytes) -> EndpointError:
        if status in (401, 403):
            return _without_key(self.base_url, status)
        words = refusal(status, body, quote=True)
        if "chat template" in words:
            return EndpointError(
                f"'{self.name}' has no chat template",
                fix="ask as text with --api completions, or serve it with --engine-args '--chat-template FILE'",
            )
        if "template" in words.lower() or "jinja" in words.lower():
            return EndpointError(f"the chat template of '{self.name}' fails: {words}", fix="mend the template")
        other = "completions" if self._api == "chat" else "chat"
        return EndpointError(f"{self.base_url} can't do the {self._api} API: {words}", fix=f"try --api {other}")

    async def _post_json(self, url: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        import aiohttp

        limit = aiohttp.ClientTimeout(total=_PROBE_SECONDS)
        try:
            async with self._session.post(url, json=body, allow_redirects=False, timeout=limit) as response:
                status, content = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EndpointError(f"{url} does not answer ({type(error).__name__})", fix=_FIX) from error
        try:
            reply = json.loads(content)
        except (ValueError, RecursionError):
            reply = None
        return status, reply if isinstance(reply, dict) else {}

    async def _models(self) -> list[dict[str, Any]]:
        import aiohttp

        url, limit = f"{self.base_url}/models", aiohttp.ClientTimeout(total=30)
        try:
            async with self._session.get(url, allow_redirects=False, timeout=limit) as response:
                status, body = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            what = f"the endpoint {self.base_url} does not answer ({type(error).__name__})"
            raise EndpointError(what, fix=_FIX) from error
        if status in (401, 403):
            raise _without_key(url, status)
        try:
            data = json.loads(body)["data"]
            if status != 200 or not all(isinstance(entry["id"], str) for entry in data):
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            what = f"{url} is not an OpenAI-compatible API: HTTP {status} with {page_kind(body)}"
            raise EndpointError(what, fix=_FIX) from error
        return list(data)

    def _entry(self, models: list[dict[str, Any]]) -> dict[str, Any]:
        for entry in models:
            if entry["id"] == self.name:
                return entry
        served = [entry["id"] for entry in models]
        raise EndpointError(
            f"{self.base_url} does not serve '{self.name}'", fix=f"--model: {did_you_mean(self.name, served)}"
        )


def _origin(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Where a served model's weights are from: a fingerprint when they lie on this machine, else what the server says.

    An adapter's entry names its base model as `parent`, which has an entry of its own.
    """
    root = entry.get("root") if isinstance(entry.get("root"), str) else None
    if root and Path(root).is_dir():
        return {"root": None, "weights": weights_fingerprint(Path(root))}
    return {"root": root, "weights": None}


def _without_key(url: str, status: int) -> EndpointError:
    return EndpointError(f"{url}: HTTP {status}", fix=f"set {API_KEY_VARIABLE} to the endpoint's key")


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
