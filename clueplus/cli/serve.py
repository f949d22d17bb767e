"""`clueplus serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clueplus.cli.shared import EngineArgs, VllmCommand, complete_models

HELP = """Serve a model with vLLM on this machine's loopback address until Ctrl-C.

MODEL is a name of `clueplus models list`, a hub id or a checkpoint's folder. The same server that `evaluate` starts."""

EXAMPLES = """Example:

clueplus serve ./checkpoint --port 8000 --engine-args "--max-model-len 8192\""""


def serve(
    model: Annotated[str, typer.Argument(help="What to serve.", autocompletion=complete_models)],
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Default: a free one.")] = None,
    log: Annotated[Path, typer.Option("--log", help="Where the server's output goes.")] = Path("vllm-server.log"),
    vllm_command: VllmCommand = "vllm",
    engine_args: EngineArgs = "",
) -> None:
    """Parses, serves; the help text is HELP."""
    import shlex
    import time

    from clueplus.cli.console import ConsoleReporter
    from clueplus.errors import ClueplusError, EndpointError
    from clueplus.models.server import Server, served_model, terminate_as_interrupt
    from clueplus.registry import Catalog

    catalog = Catalog()
    if model not in catalog.models and "/" not in model and not Path(model).is_dir():
        raise ClueplusError(
            f"unknown model '{model}'", fix="clueplus models list; or a hub id; or a checkpoint's folder"
        )
    reporter = ConsoleReporter()
    served = served_model(model, catalog.models.get(model), engine_args)
    server = Server(served, log, command=shlex.split(vllm_command), port=port)
    with terminate_as_interrupt():
        try:
            try:
                server.start(reporter.waiting)
            finally:
                reporter.finish()
            typer.echo(f"clueplus evaluate --model {served.name} --base-url {server.base_url}")
            while server.alive():
                time.sleep(0.5)
            raise EndpointError(f"the server ended: {server.last_words()}", fix=f"see {log}")
        finally:
            server.stop()
