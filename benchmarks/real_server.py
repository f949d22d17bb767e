"""A real vLLM server on the CPU: a whole `evaluate` against the same prompts sent by a bare client.

The server has a tiny model and no prefix cache, so that the second client gains nothing from the first. The bare client
knows the prompts already; `evaluate` also loads tasks, renders, stores, scores and records. Needs vLLM and the source
files of the tasks (CLUEPLUS_DATA_MIRROR).

    python benchmarks/real_server.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from clueplus.data import Library
from clueplus.evaluation.generate import arranged
from clueplus.evaluation.options import Options
from clueplus.evaluation.plan import plan
from clueplus.evaluation.run import evaluate
from clueplus.evaluation.task import load_tasks
from clueplus.models import EndpointModel, Request
from clueplus.models.wire import payload
from clueplus.registry import Catalog
from tests.support.tiny_model import build_tiny_model
from tests.support.vllm_server import vllm_server

TASKS = ("meqsum", "medec", "icd10cm")


class Silent:
    """A reporter that says nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def rendered(url: str, limit: int, variant: str) -> list[dict[str, Any]]:
    """The bodies that `evaluate` sends, in its order."""

    async def run() -> list[dict[str, Any]]:
        model = EndpointModel("tiny", url)
        await model.open()
        await model.close()
        catalog = Catalog()
        tasks = load_tasks(catalog.select(TASKS), catalog, variant, Library.here())  # type: ignore[arg-type]
        requests: list[Request] = arranged(plan(tasks, model, limit), "prefix")
        template = model.endpoints[0].template
        return [payload(request, "tiny", "chat", vllm=True, template=template) for request in requests]

    return asyncio.run(run())


def bare(url: str, bodies: Sequence[dict[str, Any]], concurrency: int) -> float:
    """Seconds of a session and workers, and nothing else."""
    import aiohttp

    async def run() -> None:
        queue = iter(bodies)

        async def worker(session: aiohttp.ClientSession) -> None:
            for body in queue:
                async with session.post(f"{url}/chat/completions", json=body) as response:
                    assert (await response.json())["choices"]

        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600)) as session:
            await asyncio.gather(*(worker(session) for _ in range(concurrency)))

    start = time.perf_counter()
    asyncio.run(run())
    return time.perf_counter() - start


def ours(url: str, limit: int, variant: str, concurrency: int) -> tuple[float, float]:
    """Seconds of a whole `evaluate`, and of its part from the first request to the last answer."""
    with tempfile.TemporaryDirectory() as folder:
        options = Options(
            "tiny",
            TASKS,
            variant,
            [url],
            limit=limit,
            concurrency=concurrency,
            results_dir=Path(folder),  # type: ignore[arg-type]
        )
        start = time.perf_counter()
        run = evaluate(options, Silent())  # type: ignore[arg-type]
        return time.perf_counter() - start, run.record.generation.seconds


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        model = build_tiny_model(Path(folder) / "tiny")
        with vllm_server(model, log=Path(folder) / "server.log", max_model_len=16384) as server:
            bodies = rendered(server.base_url, arguments.limit, arguments.variant)
            bare(server.base_url, bodies[: arguments.concurrency], arguments.concurrency)
            pairs = []
            for _ in range(arguments.runs):
                simple = bare(server.base_url, bodies, arguments.concurrency)
                pairs.append(
                    (simple, *ours(server.base_url, arguments.limit, arguments.variant, arguments.concurrency))
                )
    names = ("bare", "evaluate", "answering")
    found: dict[str, Any] = {"requests": len(bodies), "concurrency": arguments.concurrency}
    found |= {name: statistics.median(pair[place] for pair in pairs) for place, name in enumerate(names)}
    found["evaluate_over_bare"] = statistics.median(pair[1] / pair[0] for pair in pairs)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=600, help="documents of each of three tasks")
    parser.add_argument("--variant", default="official")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments)
    if arguments.json:
        json.dump(found, sys.stdout, indent=2)
        return
    for name, value in found.items():
        print(f"{name.replace('_', ' '):28} {value:,.2f}")


if __name__ == "__main__":
    main()
