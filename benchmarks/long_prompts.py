"""Thousands of prompts of sixteen thousand tokens: time to the first request, and the memory of the whole run.

The task has LongHealth's shape: twenty patients, some sixty kilobytes of documents each, many questions to each. The
server answers at once and is a process of its own.

    python benchmarks/long_prompts.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PATIENTS = 20
_YAML = """\
task: long_notes
custom_dataset: !function long_notes.dataset
output_type: generate_until
test_split: test
fewshot_split: fewshot
fewshot_config: {sampler: first_n}
num_fewshot: 0
doc_to_text: "{{documents}}\\n\\nQuestion: {{question}}\\nAnswer with one letter:"
doc_to_target: "A"
generation_kwargs: {max_gen_toks: 50, temperature: 0.0, until: ["\\n\\n"]}
process_results: !function long_notes.process_results
metric_list:
  - {metric: score, aggregation: !function clueplus.metrics.components.mean_of_components, higher_is_better: true}
  - {metric: accuracy, aggregation: mean, higher_is_better: true}
  - {metric: unscorable, aggregation: mean, higher_is_better: false}
metadata:
  version: 1
  title: Long notes
  description: Made for a benchmark.
  task_type: test
  homepage: https://example.org
  citation: none
  components: [accuracy]
  cluster: patient
  input: question
  reference: question
  fields: {id: str, patient: str, documents: str, question: str}
  scoring: [clueplus-1]
  trivial_baseline: majority
  lead: {constant: "A"}
  variants:
    open: {tier: open, licence: none, description: Made for a benchmark.}
"""
_CODE = """\
from clueplus.data import task_dataset
from clueplus.metrics.components import item_scores

PATIENTS, ITEMS, CHARACTERS = %d, %d, %d
WORDS = "The patient reports chest pain and dyspnoea on exertion; troponin is normal, the echocardiogram unremarkable. "


def build(files):
    notes = [f"Patient {p}. " + (WORDS * (CHARACTERS // len(WORDS) + 1))[:CHARACTERS] for p in range(PATIENTS)]
    documents = [
        {"id": str(n), "patient": str(p), "documents": notes[p], "question": f"Which drug, {n}?"}
        for n, p in ((n, n %% PATIENTS) for n in range(ITEMS + 1))
    ]
    return {"test": documents[1:], "fewshot": documents[:1]}


dataset = task_dataset(__file__, build)


def process_results(doc, results):
    return item_scores({"accuracy": float(results[0] == "A")}, unscorable=False)
"""


def serve(port: int, context: int, told: str) -> None:
    """Answers at once; writes down when the first request came and how much text all of them held."""
    from aiohttp import web

    seen = {"first": 0.0, "bytes": 0, "requests": 0}
    answer = json.dumps({"choices": [{"message": {"content": "A"}, "finish_reason": "stop"}]}).encode()
    entry = {"id": "fake", "max_model_len": context, "owned_by": "vllm"}

    async def complete(request: web.Request) -> web.Response:
        seen["first"] = seen["first"] or time.time()
        seen["bytes"] += len(await request.read())
        seen["requests"] += 1
        return web.Response(body=answer, content_type="application/json")

    async def tokenize(request: web.Request) -> web.Response:
        body = await request.json()
        count = sum(len(m["content"]) for m in body["messages"]) // 4 if "messages" in body else len(body["prompt"])
        return web.json_response({"count": count, "tokens": [1, 2, 3], "token_strs": ["a", "b", "c"]})

    async def listed(request: web.Request) -> web.Response:
        return web.json_response({"data": [entry]})

    async def told_so_far(request: web.Request) -> web.Response:
        await asyncio.to_thread(Path(told).write_text, json.dumps(seen))
        return web.Response()

    app = web.Application(client_max_size=1 << 28)
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_post("/tokenize", tokenize)
    app.router.add_get("/v1/models", listed)
    app.router.add_get("/seen", told_so_far)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


def evaluate(folder: Path, port: int) -> tuple[float, float, float]:
    """When the run began, how long it took, and its peak resident megabytes."""
    command = [
        *(str(Path(sys.executable).with_name("clueplus")), "evaluate", "--model", "fake", "--tasks", "long_notes"),
        *("--tasks-dir", str(folder), "--variant", "open", "--base-url", f"http://127.0.0.1:{port}/v1", "--json"),
        *("--results-dir", str(folder / "results")),
    ]
    environment = {**os.environ, "CLUEPLUS_DATA_DIR": str(folder / "data")}
    began = time.time()
    out = os.open(folder / "out.json", os.O_WRONLY | os.O_CREAT)
    process = os.posix_spawn(command[0], command, environment, file_actions=[(os.POSIX_SPAWN_DUP2, out, 1)])
    _, status, usage = os.wait4(process, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "the run failed"
    return began, time.time() - began, usage.ru_maxrss / 1024


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    from urllib.request import urlopen

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "long_notes").mkdir()
        (folder / "long_notes" / "long_notes.yaml").write_text(_YAML)
        code = _CODE % (PATIENTS, arguments.prompts, 4 * arguments.tokens)
        (folder / "long_notes" / "long_notes.py").write_text(code)
        told = folder / "seen.json"
        start = multiprocessing.get_context("spawn").Process
        server = start(target=serve, args=(port, arguments.context, str(told)), daemon=True)
        server.start()
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            began, wall, memory = evaluate(folder, port)
            urlopen(f"http://127.0.0.1:{port}/seen").read()
        finally:
            server.terminate()
        seen = json.loads(told.read_text())
    assert seen["requests"] == arguments.prompts
    return {
        "prompts": arguments.prompts,
        "sent_megabytes": seen["bytes"] / 1e6,
        "first_request_seconds": seen["first"] - began,
        "run_seconds": wall,
        "peak_resident_megabytes": memory,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=6000)
    parser.add_argument("--tokens", type=int, default=16000)
    parser.add_argument("--context", type=int, default=32768)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments)
    if arguments.json:
        json.dump(found, sys.stdout, indent=2)
        return
    for name, value in found.items():
        print(f"{name.replace('_', ' '):28} {value:,.1f}")


if __name__ == "__main__":
    main()
