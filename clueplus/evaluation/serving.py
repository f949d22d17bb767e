"""A server for the time of a run: started when the model needs one, restarted once when it dies."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from clueplus.errors import EndpointError
from clueplus.evaluation.options import Options, Reporter, slug
from clueplus.models.server import Server, served_model, terminate_as_interrupt
from clueplus.registry import Catalog

Result = TypeVar("Result")


@contextmanager
def serving(options: Options, catalog: Catalog, reporter: Reporter) -> Iterator[Server]:
    """A healthy server for `options.model`; it is stopped at the end, whatever happens.

    Raises:
        ClueplusError: vLLM is not there, or the server did not come up.
    """
    served = served_model(options.model, catalog.models.get(options.model), options.engine_args)
    log = options.results_dir / slug(served.name) / "server.log"
    server = Server(served, log, command=shlex.split(options.vllm_command))
    reporter.note(f"starting vLLM for {served.name}; its log: {log}")
    with terminate_as_interrupt():
        try:
            _start(server, reporter)
            yield server
        finally:
            server.stop()


def with_one_restart(server: Server, work: Callable[[], Result], reporter: Reporter) -> Result:
    """The result of `work`, done again from the store's state when the server died under it, once.

    Raises:
        EndpointError: the server died a second time, or lives and refuses.
    """
    try:
        return work()
    except EndpointError as error:
        if server.alive():
            raise
        reporter.note(f"the server died ({server.last_words()}); starting it once more: finished answers are kept")
        server.stop()
        _start(server, reporter)
        try:
            return work()
        except EndpointError as again:
            raise EndpointError(f"the server died twice: {again.message}", fix=f"see {server.log}") from error


def _start(server: Server, reporter: Reporter) -> None:
    try:
        server.start(reporter.waiting)
    finally:
        reporter.finish()
