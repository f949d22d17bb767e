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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import IO

from clueplus.errors import ClueplusError, EndpointError
from clueplus.models.orphans import VARIABLE, forget_server, mark_server
from clueplus.registry import ModelSpec

START_SECONDS = 1800.0
STOP_SECONDS = 20.0
# vLLM reports its use to its makers unless told not to; a hospital's machine reports nothing.
_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class ServedModel:
    """What a server is started for.

    `weights` is a folder or a hub id; `name` is what clients ask for; `arguments` go to `vllm serve` as they are. An
    adapter (LoRA) has a name of its own, beside that of the base model it is served on. `devices` is how many
    accelerators one server takes.
    """

    name: str
    weights: str
    arguments: tuple[str, ...] = ()
    adapter: bool = False
    devices: int = 1

    @property
    def base_name(self) -> str:
        """The name of the base model that the server loads."""
        return f"{self.name}-base" if self.adapter else self.name


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
        serve = spec.serve
        devices = serve.tensor_parallel_size * serve.pipeline_parallel_size * serve.data_parallel_size
        arguments = (*_engine_arguments(spec), *more)
        return ServedModel(spec.name, spec.weights or spec.name, arguments, serve.lora is not None, devices)
    folder = Path(model)
    if not folder.exists():
        return ServedModel(model, model, more, devices=_devices_of(more))
    if not (folder / "config.json").is_file():
        raise ClueplusError(f"{folder} is no checkpoint: it has no config.json", fix="give the folder of a saved model")
    return ServedModel(folder.resolve().name, str(folder.resolve()), more, devices=_devices_of(more))


def _devices_of(arguments: Sequence[str]) -> int:
    """The accelerators that engine arguments ask for; vLLM's short and long names both count."""
    names = {"--tensor-parallel-size", "-tp", "--pipeline-parallel-size", "-pp", "--data-parallel-size", "-dp"}
    number = 1
    words = [word for argument in arguments for word in argument.split("=", 1)]
    for name, value in pairwise(words):
        if name in names and value.isdigit():
            number *= max(1, int(value))
    return number


def _engine_arguments(spec: ModelSpec) -> list[str]:
    serve = spec.serve
    arguments = ["--dtype", serve.dtype]
    for flag, value, default in (
        ("--revision", spec.revision, None),
        ("--max-model-len", serve.max_model_len, None),
        ("--tensor-parallel-size", serve.tensor_parallel_size, 1),
        ("--pipeline-parallel-size", serve.pipeline_parallel_size, 1),
        ("--data-parallel-size", serve.data_parallel_size, 1),
        ("--quantization", serve.quantization, None),
    ):
        if value != default:
            arguments += [flag, str(value)]
    if serve.lora is not None:
        arguments += ["--enable-lora", "--lora-modules", f"{spec.name}={serve.lora}"]
    return [*arguments, *serve.extra]


class Server:
    """One `vllm serve` process.

    Args:
        served: the model.
        log: the file that gets everything the server prints.
        command: how vLLM is called; it may live in another environment.
        port: None takes a free one.
        start_seconds: how long loading may take.
        environment: variables for this server alone, such as the devices it may use.
        quote_log: whether messages may repeat a line of the log; not when it may hold restricted text.
    """

    def __init__(
        self,
        served: ServedModel,
        log: Path,
        *,
        command: Sequence[str] = ("vllm",),
        port: int | None = None,
        start_seconds: float = START_SECONDS,
        environment: Mapping[str, str] | None = None,
        quote_log: bool = True,
    ) -> None:
        self.served, self.log = served, log
        self._quote_log = quote_log
        self._command, self._port, self._start_seconds = tuple(command), port, start_seconds
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._file: IO[bytes] | None = None
        self._began = 0.0
        self.base_url = ""

    def start(self, waiting: Callable[[float], None] | None = None) -> str:
        """Starts the server and waits until it is healthy; returns its base URL.

        Args:
            waiting: called about twice a second with the seconds so far.

        Raises:
            ClueplusError: there is no such command, or the port is taken.
            EndpointError: the server ended or did not become healthy; the log's last words are told.
        """
        self.launch()
        try:
            wait_until_healthy([self], waiting)
        except BaseException:
            self.stop()
            raise
        return self.base_url

    def launch(self) -> None:
        """Starts the process, and does not wait."""
        if shutil.which(self._command[0]) is None:
            raise ClueplusError(
                f"no command '{self._command[0]}' to serve '{self.served.name}' with",
                fix="pip install 'clueplus[vllm]', name another with --vllm-command, or give --base-url of a server",
            )
        port = self._port or free_port()
        if self._port and _is_taken(self._port):
            raise ClueplusError(f"port {self._port} is taken", fix="leave out --port, and a free one is found")
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self._file = open_log(self.log)
        mark = {VARIABLE: mark_server(self.log)}
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [
                *_end_with_parent(),
                *self._command,
                *("serve", self.served.weights, "--host", "127.0.0.1", "--port", str(port)),
                *("--served-model-name", self.served.base_name),
                *self.served.arguments,
            ],
            env={**os.environ, **_QUIET, **self._environment, **mark},
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def healthy(self) -> bool:
        """Whether the server answers by now.

        Raises:
            EndpointError: it ended, or has had all its time.
        """
        if not self.alive():
            raise EndpointError(f"the server ended while starting: {self.last_words()}", fix=f"see {self.log}")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(f"{self.base_url.removesuffix('/v1')}/health", timeout=2) as response:
                if response.status == 200:
                    return True
        except (urllib.error.URLError, OSError):
            pass
        if time.monotonic() - self._began > self._start_seconds:
            what = f"the server was not healthy after {self._start_seconds:g} s: {self.last_words()}"
            raise EndpointError(what, fix=f"see {self.log}")
        return False

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def last_words(self) -> str:
        """The last line of the log that tells of an error, else the last line."""
        if not self._quote_log:
            return "its log is not quoted, because the run is restricted"
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
            forget_server(self.log)
        if self._file is not None:
            self._file.close()
            self._file = None


def wait_until_healthy(servers: Sequence[Server], waiting: Callable[[float], None] | None = None) -> None:
    """Returns when all servers answer; `waiting` is called about twice a second with the seconds so far.

    Raises:
        EndpointError: one of them ended or did not become healthy.
    """
    began = time.monotonic()
    while servers := [server for server in servers if not server.healthy()]:
        if waiting:
            waiting(time.monotonic() - began)
        time.sleep(0.5)


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """A job scheduler's SIGTERM ends the run as Ctrl-C does, so that the server is stopped too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_: int, frame: FrameType | None) -> None:
        # asyncio's own handler, where it is installed, cancels the run; an exception raised here would end up in
        # whatever callback is being called.
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            handler(signal.SIGINT, frame)
        else:
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


def open_log(path: Path) -> IO[bytes]:
    """A log that its owner alone may read: engines write requests into theirs when asked to, or when they die."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
