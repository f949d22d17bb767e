"""Requests against a server that answers after a fixed time: clueplus, a bare asyncio client, and stock lm-eval.

The server is a process of its own. The limit is requests / concurrency x latency: nothing can be faster.

    python benchmarks/client.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

URL = "http://127.0.0.1:{port}/v1"
PROMPT = "Patient {n}: chest pain for two days, worse on exertion, relieved by rest. Is a stress test indicated?"


def serve(port: int, latency: float) -> None:
    """Answers every chat completion after `latency` seconds."""
    from aiohttp import web

    answer = json.dumps(
        {
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 30, "completion_tokens": 2},
        }
    ).encode()
    models = json.dumps({"data": [{"id": "fake", "max_model_len": 8192}]}).encode()

    async def complete(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(latency)
        return web.Response(body=answer, content_type="application/json")

    async def listed(request: web.Request) -> web.Response:
        return web.Response(body=models, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_get("/v1/models", listed)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None, backlog=1024)


def messages(n: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": PROMPT.format(n=n)}]


def bare(port: int, count: int, concurrency: int) -> int:
    """The least that a client can do: a session, workers, and the answer's text."""
    import aiohttp

    async def run() -> int:
        numbers, texts = iter(range(count)), []

        async def worker(session: aiohttp.ClientSession) -> None:
            for n in numbers:
                body = {"model": "fake", "messages": messages(n), "max_tokens": 16, "temperature": 0.0, "seed": 1234}
                async with session.post(f"{URL.format(port=port)}/chat/completions", json=body) as response:
                    texts.append((await response.json())["choices"][0]["message"]["content"])

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(worker(session) for _ in range(concurrency)))
        return len(texts)

    return asyncio.run(run())


def ours(port: int, count: int, concurrency: int) -> int:
    """clueplus: the same, with adaptive concurrency, retries, and every answer in the store."""
    from clueplus.evaluation.generate import generate
    from clueplus.evaluation.store import ResponseStore
    from clueplus.evaluation.stores import Stores
    from clueplus.models import Decoding, EndpointModel, Request

    decoding = Decoding(16, 0.0, ())
    requests = [Request("t", n, {}, messages(n), "hash", decoding, "open", f"key {n}") for n in range(count)]

    async def run() -> int:
        model = EndpointModel("fake", URL.format(port=port), concurrency=concurrency)
        with tempfile.TemporaryDirectory() as folder:
            try:
                await model.open()
                stores = Stores(ResponseStore(Path(folder) / "responses.jsonl"), None)
                return (await generate(model, requests, stores)).generated
            finally:
                await model.close()

    return asyncio.run(run())


def stock(port: int, count: int, concurrency: int) -> int:
    """lm-eval's own client for the same API, with its own concurrency."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.openai_completions import LocalChatCompletion

    model = LocalChatCompletion(
        base_url=f"{URL.format(port=port)}/chat/completions",
        model="fake",
        num_concurrent=concurrency,
        tokenized_requests=False,
        tokenizer_backend=None,
    )
    options = {"until": ["\n\n"], "max_gen_toks": 16, "temperature": 0.0}
    wanted = [
        Instance("generate_until", {}, (model.apply_chat_template(messages(n)), options), n) for n in range(count)
    ]
    return len(model.generate_until(wanted, disable_tqdm=True))


def measured(run: Callable[[int, int, int], int], port: int, count: int, concurrency: int) -> dict[str, float]:
    """Wall and processor seconds of one run."""
    wall, processor = time.perf_counter(), time.process_time()
    answered = run(port, count, concurrency)
    assert answered == count, f"{answered} of {count} answers"
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - processor}


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(port, arguments.latency), daemon=True)
    server.start()
    try:
        _wait(port)
        runs: dict[str, list[dict[str, float]]] = {"bare": [], "clueplus": [], "lm-eval": []}
        clients = {"bare": bare, "clueplus": ours, "lm-eval": stock}
        for run in clients.values():  # imports and connections
            run(port, arguments.concurrency, arguments.concurrency)
        for _ in range(arguments.runs):
            for name, run in clients.items():
                runs[name].append(measured(run, port, arguments.requests, arguments.concurrency))
    finally:
        server.terminate()
    limit = arguments.requests / arguments.concurrency * arguments.latency
    found: dict[str, Any] = {"requests": arguments.requests, "limit_wall": limit}
    for name, each in runs.items():
        wall, cpu = (statistics.median(run[kind] for run in each) for kind in ("wall", "cpu"))
        found[name] = {"wall": wall, "cpu_ms_per_request": 1000 * cpu / arguments.requests}
    for name in ("clueplus", "lm-eval"):
        found[name]["wall_over_bare"] = found[name]["wall"] / found["bare"]["wall"]
    return found


def _wait(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("the server did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--concurrency", type=int, default=128)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ["TQDM_DISABLE"] = "1"  # lm-eval's bar
    found = measure(arguments)
    if arguments.json:
        json.dump(found, sys.stdout, indent=2)
        return
    print(f"{found['requests']} requests, limit {found['limit_wall']:.2f} s")
    for name in ("bare", "clueplus", "lm-eval"):
        row = found[name]
        ratio = f"{row['wall_over_bare']:.2f}x bare" if "wall_over_bare" in row else ""
        print(f"{name:10} {row['wall']:6.2f} s  {row['cpu_ms_per_request']:.3f} ms CPU a request  {ratio}")


if __name__ == "__main__":
    main()
