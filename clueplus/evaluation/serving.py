"""Servers for the time of a run: started when the model needs them, each restarted once when it dies."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clueplus.errors import ClueplusError, EndpointError
from clueplus.evaluation.options import Reporter
from clueplus.models.server import ServedModel, Server, terminate_as_interrupt, wait_until_healthy


@dataclass(frozen=True)
class ServePlan:
    """How a model is served: what, by which command, how often, and where the logs go.

    `private` keeps the log's words out of messages: an engine that dies may print what it was asked.
    """

    served: ServedModel
    command: str
    replicas: int
    logs: Path
    private: bool


class Servers:
    """The replicas of one model; what the endpoint pool asks when one of them is gone."""

    def __init__(self, plan: ServePlan, reporter: Reporter) -> None:
        command = shlex.split(plan.command)
        if not command:
            raise ClueplusError("--vllm-command is empty", fix="leave it out, or name the command")
        names = ["server.log"] if plan.replicas == 1 else [f"server-{n + 1}.log" for n in range(plan.replicas)]
        self._servers = [
            Server(plan.served, plan.logs / name, command=command, environment=environment, quote_log=not plan.private)
            for name, environment in zip(names, device_slices(plan.replicas, plan.served.devices), strict=True)
        ]
        self._restarted: set[Server] = set()
        self._reporter = reporter

    @property
    def base_urls(self) -> list[str]:
        """Where the replicas answer."""
        return [server.base_url for server in self._servers]

    def start(self) -> None:
        """Starts all replicas at once and waits until the last one is healthy."""
        try:
            for server in self._servers:
                server.launch()
            wait_until_healthy(self._servers, self._reporter.waiting)
        finally:
            self._reporter.finish()

    def stop(self) -> None:
        """Stops all replicas."""
        for server in self._servers:
            server.stop()

    def is_dead(self, base_url: str) -> bool:
        """Whether the process behind a URL ended."""
        return not self._at(base_url).alive()

    async def restart(self, base_url: str) -> str:
        """Starts a dead replica once more; returns its new base URL.

        Raises:
            EndpointError: it was started again before, or does not come up.
        """
        server = self._at(base_url)
        words = server.last_words()
        if server in self._restarted:
            raise EndpointError(f"the server died twice: {words}", fix=f"see {server.log}")
        self._restarted.add(server)
        self._reporter.note(f"the server died ({words}); starting it once more: finished answers are kept")
        server.stop()
        server.launch()
        while not await asyncio.to_thread(server.healthy):
            await asyncio.sleep(0.5)
        return server.base_url

    def _at(self, base_url: str) -> Server:
        return next(server for server in self._servers if server.base_url == base_url)


@contextmanager
def serving(plan: ServePlan, reporter: Reporter) -> Iterator[Servers]:
    """Healthy servers; they are stopped at the end, whatever happens.

    Raises:
        ClueplusError: vLLM is not there, or a server did not come up.
    """
    servers = Servers(plan, reporter)
    times = f" {plan.replicas} times" if plan.replicas > 1 else ""
    reporter.note(f"starting vLLM for {plan.served.name}{times}; its log: {plan.logs}")
    with terminate_as_interrupt():
        try:
            servers.start()
            yield servers
        finally:
            servers.stop()


def device_slices(replicas: int, each: int) -> list[dict[str, str]]:
    """For each replica, the variable that gives it accelerators of its own; empty where one server may have them all.

    Args:
        replicas: how many servers.
        each: how many accelerators one server takes.

    Raises:
        ClueplusError: there are not so many accelerators.
    """
    devices = _visible_devices()
    if replicas == 1 or not devices:
        return [{} for _ in range(replicas)]
    if replicas * each > len(devices):
        raise ClueplusError(
            f"{replicas} replicas of {each} accelerators need {replicas * each}, and {len(devices)} are visible",
            fix=f"--replicas {len(devices) // each}" if each <= len(devices) else "lower the parallel sizes",
        )
    return [{"CUDA_VISIBLE_DEVICES": ",".join(devices[n * each : (n + 1) * each])} for n in range(replicas)]


def _visible_devices() -> Sequence[str]:
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [device.strip() for device in chosen.split(",") if device.strip()]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=60)  # noqa: S607
    return [str(number) for number, line in enumerate(listed.stdout.splitlines()) if line.startswith("GPU ")]
