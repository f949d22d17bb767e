"""A fake OpenAI-compatible server on a thread: for faults, rates and everything that a real one does too rarely."""

from __future__ import annotations

import asyncio
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

BOS, END = "<s>", "<|end|>"
Reply = Callable[[dict[str, Any], int], Any]


class FakeServer:
    """Answers every request with `reply(payload, number)`: a text, a (status, body) pair, a web.Response, or
    None, which breaks the connection.

    `number` counts requests from 1. `requests` keeps every payload. `die_after` closes the listening socket and every
    connection once that many requests were answered. With `vllm`, it tells that it is vLLM and tokenizes: a token a
    word, behind `template_bos` BOS; `no_template` takes its chat template away. The one token that a client
    asks for to see whether the API works is answered and not recorded.
    """

    def __init__(
        self,
        reply: Reply,
        *,
        latency: float = 0.0,
        max_model_len: int | None = 8192,
        vllm: bool = False,
        root: str = "fake-weights",
    ) -> None:
        self.vllm, self.root = vllm, root
        self.template_bos, self.no_template = 1, False
        self.tokenized = 0
        self.reply, self.latency, self.max_model_len = reply, latency, max_model_len
        self.requests: list[dict[str, Any]] = []
        self.in_flight = self.most_in_flight = 0
        self.die_after: int | None = None
        self.answers_probe = False
        self.models_reply: Any = None
        self.base_url = ""
        self.headers: list[str | None] = []

    async def _models(self, request: web.Request) -> web.Response:
        if self.models_reply is not None:
            return _response(self.models_reply)
        entry = {"id": "fake", "object": "model", "root": self.root, "max_model_len": self.max_model_len}
        entry |= {"owned_by": "vllm"} if self.vllm else {}
        return web.json_response({"object": "list", "data": [entry]})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        payload = await request.json()
        if payload["max_tokens"] == 1 and "temperature" not in payload:
            answer = self.reply(payload, 0) if self.answers_probe else "Hi"
            return _completion(payload, answer) if isinstance(answer, str) else _response(answer)
        self.requests.append(payload)
        self.headers.append(request.headers.get("Authorization"))
        number = len(self.requests)
        if self.die_after is not None and number > self.die_after:
            await self._stop_listening()
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(self.latency)
        self.in_flight -= 1
        answer = self.reply(payload, number)
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return _completion(payload, answer) if isinstance(answer, str) else _response(answer)

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "0.0.fake"})

    async def _tokenize(self, request: web.Request) -> web.Response:
        payload = await request.json()
        self.tokenized += 1
        if not self.vllm:
            return web.json_response({}, status=404)
        words = [BOS] if payload.get("add_special_tokens") else []
        if "messages" in payload:
            if self.no_template:
                message = "As of transformers v4.44, default chat template is no longer allowed"
                return web.json_response({"error": {"message": message}}, status=400)
            words += [BOS] * self.template_bos
            for turn in payload["messages"]:
                words += [f"<|{turn['role']}|>", *turn["content"].split(), END]
            words += ["<|assistant|>"] if payload["add_generation_prompt"] else []
        else:
            words += payload["prompt"].split()
        ids = [zlib.crc32(word.encode()) for word in words]
        return web.json_response({"count": len(ids), "tokens": ids, "token_strs": words})

    async def _stop_listening(self) -> None:
        for site in list(self._runner.sites):
            await site.stop()

    async def _serve(self, started: threading.Event) -> None:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/version", self._version)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_post("/v1/completions", self._complete)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        started.set()
        await self._stop.wait()
        await self._runner.cleanup()

    def run(self, started: threading.Event) -> None:
        async def main() -> None:
            self._stop = asyncio.Event()
            self._loop = asyncio.get_running_loop()
            await self._serve(started)

        asyncio.run(main())

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)


def _completion(payload: dict[str, Any], answer: str) -> web.Response:
    chat = "messages" in payload
    choice = {"message": {"role": "assistant", "content": answer}} if chat else {"text": answer}
    usage = {"prompt_tokens": 10, "completion_tokens": 3}
    return web.json_response({"choices": [{"index": 0, **choice, "finish_reason": "stop"}], "usage": usage})


def _response(answer: Any) -> web.Response:
    if isinstance(answer, web.Response):
        return answer
    status, body = answer
    text = body if isinstance(body, str) else json.dumps(body)
    return web.Response(
        status=status, text=text, content_type="text/html" if text.startswith("<") else "application/json"
    )


@contextmanager
def fake_server(reply: Reply = lambda payload, number: "answer", **options: Any) -> Iterator[FakeServer]:
    """A running fake server; it is stopped at the end."""
    server = FakeServer(reply, **options)
    started = threading.Event()
    thread = threading.Thread(target=server.run, args=(started,), daemon=True)
    thread.start()
    assert started.wait(10), "the fake server did not start"
    try:
        yield server
    finally:
        server.stop()
        thread.join(10)
