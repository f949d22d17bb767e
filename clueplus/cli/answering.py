"""Options of the commands that ask a model: who answers, where, and how patiently."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clueplus.cli.shared import complete_models


class BackendOption(StrEnum):
    """What runs a checkpoint on this machine."""

    vllm = "vllm"
    hf = "hf"


class ApiOption(StrEnum):
    """The two APIs of an OpenAI-compatible server."""

    chat = "chat"
    completions = "completions"


ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="The model that answers.", autocompletion=complete_models)
]
BaseUrls = Annotated[
    list[str] | None,
    typer.Option("--base-url", metavar="URL", help="A server's API, http://HOST:PORT/v1; repeatable."),
]
Backend = Annotated[
    BackendOption, typer.Option("--backend", help="Serve with vllm, or hf: transformers in this process.")
]
Replicas = Annotated[int, typer.Option("--replicas", min=1, max=64, help="Servers to start.")]
Api = Annotated[ApiOption | None, typer.Option("--api", help="Default: what the model's file says, else chat.")]
Attest = Annotated[
    Path | None,
    typer.Option("--attest", metavar="FILE", help="Data-use file: hosts that may receive restricted text."),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Generate every answer anew, whatever is stored.")]
Concurrency = Annotated[
    int | None,
    typer.Option(
        "--concurrency", min=1, max=4096, help="Most requests in flight, each server (256); with hf, the batch (8)."
    ),
]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="Seconds for one try of a request.")]
Attempts = Annotated[int, typer.Option("--attempts", min=1, max=20, help="Tries of a request before it fails.")]
