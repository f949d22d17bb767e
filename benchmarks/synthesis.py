"""What synthesis itself costs: rows a second against a server with a fixed latency, beside a bare client.

A row is one call for an exercise, its answer stored, parsed, checked and counted; with --judge, also five samples of
the judge for each of its pairs. Answers have the mean length of MediFlow's rows (instruction 301 tokens, input 76,
output 79, at four characters a token). The server is a process of its own.

    python benchmarks/synthesis.py
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from client import URL, _wait, bare

WORDS = "the note of a patient with pain and fever that is read by the ward and from which each drug is to be named "


def exercise(pairs: int, as_json: bool) -> str:
    """An exercise of MediFlow's mean length, as a server returns it."""
    examples = [
        {
            "input": f"Patient {number}. {(WORDS * 4)[: 4 * 76 - 12]}",
            "output": {"answer": (WORDS * 4)[: 4 * 79 - 15]} if as_json else (WORDS * 4)[: 4 * 79],
        }
        for number in range(pairs)
    ]
    return json.dumps({"instruction": (WORDS * 12)[: 4 * 301], "examples": examples})


def completion(text: str, prompt: int, tokens: int) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": prompt, "completion_tokens": tokens}}).encode()


def serve(port: int, latency: float) -> None:
    """Answers what is asked for by looking at the schema, without parsing the request."""
    from aiohttp import web

    criteria = ("quality", "alignment", "coherence", "realism", "difficulty")
    scores = completion(json.dumps(dict.fromkeys(criteria, 3)), 700, 40)
    exercises = {
        (pairs, as_json): completion(exercise(pairs, as_json), 400, 301 + pairs * 155)
        for pairs in (3, 4)
        for as_json in (False, True)
    }
    models = json.dumps({"data": [{"id": "fake", "max_model_len": 8192}]}).encode()

    async def complete(request: web.Request) -> web.Response:
        asked = await request.read()
        await asyncio.sleep(latency)
        if b'"minItems"' not in asked:
            return web.Response(body=scores, content_type="application/json")
        body = exercises[3 if b'"minItems": 3' in asked else 4, b'"anyOf"' in asked]
        return web.Response(body=body, content_type="application/json")

    async def listed(request: web.Request) -> web.Response:
        return web.Response(body=models, content_type="application/json")

    import asyncio

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_get("/v1/models", listed)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None, backlog=1024)


class Silent:
    """Hears of the progress and says nothing."""

    def note(self, text: str) -> None: ...
    def waiting(self, seconds: float) -> None: ...
    def start(self, wanted: int) -> None: ...
    def progress(self, state: Any) -> None: ...
    def rows(self, state: Any) -> None: ...
    def finish(self) -> None: ...


def ours(port: int, rows: int, concurrency: int, judge: bool) -> tuple[int, int]:
    """Rows that were finished, and requests that they took."""
    from clueplus.evaluation.options import Options
    from clueplus.training.synthesis.order import Order
    from clueplus.training.synthesis.recipe import read_recipe
    from clueplus.training.synthesis.run import synthesise

    recipe = read_recipe("mediflow")
    recipe = recipe if judge else recipe.model_copy(update={"judged": None})
    with tempfile.TemporaryDirectory() as folder:
        options = Options(
            model="fake", base_urls=[URL.format(port=port)], results_dir=Path(folder), concurrency=concurrency
        )
        _, progress = synthesise(Order(recipe, rows, Path(folder), options), Silent())
        assert progress.tally.kept == rows, progress.tally
        return progress.done, progress.asked


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(port, arguments.latency), daemon=True)
    server.start()
    found: dict[str, Any] = {}
    try:
        _wait(port)
        bare(port, arguments.concurrency, arguments.concurrency)
        ours(port, arguments.concurrency, arguments.concurrency, judge=True)
        runs: list[dict[str, float]] = []
        for _ in range(arguments.runs):
            wall, cpu = time.perf_counter(), time.process_time()
            rows, requests = ours(port, arguments.rows, arguments.concurrency, arguments.judge)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            start, before = time.perf_counter(), time.process_time()
            bare(port, requests, arguments.concurrency)
            runs.append(
                {
                    "rows_per_second": rows / wall,
                    "requests_per_second": requests / wall,
                    "cpu_ms_per_row": 1000 * cpu / rows,
                    "bare_requests_per_second": requests / (time.perf_counter() - start),
                    "bare_cpu_ms_per_request": 1000 * (time.process_time() - before) / requests,
                }
            )
        found = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        found |= {"rows": arguments.rows, "judge": arguments.judge, "runs": arguments.runs}
    finally:
        server.terminate()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("--concurrency", type=int, default=128)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments)
    if arguments.json:
        json.dump(found, sys.stdout, indent=2)
        return
    print(f"{found['rows_per_second']:.0f} rows/s, {found['cpu_ms_per_row']:.2f} ms CPU a row")
    print(f"{found['requests_per_second']:.0f} requests/s; bare client {found['bare_requests_per_second']:.0f}")


if __name__ == "__main__":
    main()
