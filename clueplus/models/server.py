"""`vllm serve`, supervised: started on a free loopback port, waited for, and stopped by its own process group."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from clueplus.errors import ClueplusError, EndpointError
from clueplus.registry import ModelSpec

START_SECONDS = 1800.0
STOP_SECONDS = 20.0
# vLLM reports its use to its makers unless told not to; a hospital's machine reports nothing.
_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class ServedModel:
    """What a server is started for.

    `weights` is a folder or a hub id; `name` is what clients ask for; `arguments` go to `vllm serve` as they are.
    """

    name: str
    weights: str
    arguments: tuple[str, ...] = ()


def served_model(model: str, spec: ModelSpec | None, extra: str = "") -> ServedModel:
    """The model that `--model` names: a catalogued one, a checkpoint folder, or a hub id.

    Args:
        model: what the user typed.
        spec: its file, when it is a catalogued name.
        extra: further engine arguments, as one shell-quoted string.

    Raises:
        ClueplusError: a folder without a checkpoint, or arguments that can't be split.
    """
    try:
        more = tuple(shlex.split(extra))
    except ValueError as error:
        raise ClueplusError(f"--engine-args: {error}", fix="quote it as a shell would") from error
    if spec is not None:
        if spec.kind == "baseline":
            raise ClueplusError(f"{spec.name} needs no server", fix=f"clueplus evaluate --model {spec.name}")
        return ServedModel(spec.name, spec.weights or spec.name, (*_engine_arguments(spec), *more))
    folder = Path(model)
    if not folder.exists():
        return ServedModel(model, model, more)
    if not (folder / "config.json").is_file():
        raise ClueplusError(f"{folder} is no checkpoint: it has no config.json", fix="give the folder of a saved model")
    return ServedModel(folder.resolve().name, str(folder.resolve()), more)


def _engine_arguments(spec: ModelSpec) -> list[str]:
    serve = spec.serve
    arguments = ["--dtype", serve.dtype]
    for flag, value, default in (
        ("--revision", spec.revision, None),
        ("--max-model-len", serve.max_model_len, None),
        ("--tensor-parallel-size", serve.tensor_parallel_size, 1),
        ("--pipeline-parallel-size", serve.pipeline_parallel_size, 1),
    ):
        if value != default:
            arguments += [flag, str(value)]
    return [*arguments, *serve.extra]


class Server:
    """One `vllm serve` process.

    Args:
        served: the model.
        log: the file that gets everything the server prints.
        command: how vLLM is called; it may live in another environment.
        port: None takes a free one.
        start_seconds: how long loading may take.
    """

    def __init__(
        self,
        served: ServedModel,
        log: Path,
        *,
        command: Sequence[str] = ("vllm",),
        port: int | None = None,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self.served, self.log = served, log
        self._command, self._port, self._start_seconds = tuple(command), port, start_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._file: IO[bytes] | None = None
        self.base_url = ""

    def start(self, waiting: Callable[[float], None] | None = None) -> str:
        """Starts the server and waits until it is healthy; returns its base URL.

        Args:
            waiting: called about once a second with the seconds so far.

        Raises:
            ClueplusError: there is no such command.
            EndpointError: the server ended or did not become healthy; the log's last words are told.
        """
        if shutil.which(self._command[0]) is None:
            raise ClueplusError(
                f"no command '{self._command[0]}' to serve '{self.served.name}' with",
                fix="pip install 'clueplus[vllm]', name another with --vllm-command, or give --base-url of a server",
            )
        port = self._port or free_port()
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.log.open("ab")
        self._process = subprocess.Popen(
            [
                *_end_with_parent(),
                *self._command,
                *("serve", self.served.weights, "--host", "127.0.0.1", "--port", str(port)),
                *("--served-model-name", self.served.name),
                *self.served.arguments,
            ],
            env={**os.environ, **_QUIET},
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait(f"http://127.0.0.1:{port}/health", waiting)
        except BaseException:
            self.stop()
            raise
        return self.base_url

    def _wait(self, url: str, waiting: Callable[[float], None] | None) -> None:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        began = time.monotonic()
        while (seconds := time.monotonic() - began) < self._start_seconds:
            if not self.alive():
                raise EndpointError(f"the server ended while starting: {self.last_words()}", fix=f"see {self.log}")
            if waiting:
                waiting(seconds)
            try:
                with direct.open(url, timeout=5) as response:
                    if response.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        raise EndpointError(
            f"the server was not healthy after {self._start_seconds:g} s: {self.last_words()}", fix=f"see {self.log}"
        )

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def last_words(self) -> str:
        """The last line of the log that tells of an error, else the last line."""
        try:
            lines = [line.strip() for line in self.log.read_text("utf-8", "replace").splitlines() if line.strip()]
        except OSError:
            return "no log"
        telling = [line for line in lines[-200:] if "Error" in line or "error:" in line]
        return (telling or lines or ["nothing in the log"])[-1][-300:]

    def stop(self) -> None:
        """Ends the server's process group: politely, then not."""
        process, self._process = self._process, None
        if process is not None:
            for wish, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
                _signal_group(process.pid, wish)
                try:
                    process.wait(patience)
                    break
                except subprocess.TimeoutExpired:
                    continue
            # Workers that outlived their parent are in the same group.
            _signal_group(process.pid, signal.SIGKILL)
        if self._file is not None:
            self._file.close()
            self._file = None


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """A job scheduler's SIGTERM ends the run as Ctrl-C does, so that the server is stopped too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end_with_parent() -> list[str]:
    """A prefix that ends the server when this process is killed outright, so that it does not keep the accelerator."""
    return ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []


def _signal_group(group: int, wish: signal.Signals) -> None:
    try:
        os.killpg(group, wish)
    except (ProcessLookupError, PermissionError):
        return


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
