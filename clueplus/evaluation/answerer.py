"""Who answers a run: a baseline, endpoints that run already, servers started here, or transformers in-process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from clueplus.errors import ClueplusError
from clueplus.evaluation.options import Options, Reporter, slug
from clueplus.evaluation.serving import ServePlan, serving
from clueplus.evaluation.stores import restricted_folder
from clueplus.evaluation.task import LoadedTask
from clueplus.models import BaselineModel, EndpointModel, Model
from clueplus.models.data_use import DataUse
from clueplus.models.pool import DEFAULT_CONCURRENCY, Supervisor
from clueplus.models.server import ServedModel, served_model
from clueplus.registry import Catalog, ModelSpec

DEFAULT_BASELINE = "baseline:nearest"

Answerer = Callable[[Sequence[LoadedTask]], Model]


def is_baseline(model: str) -> bool:
    """Whether a model's name is that of a baseline."""
    return model.partition(":")[0] == "baseline"


@contextmanager
def answerer(
    options: Options, catalog: Catalog, data_use: DataUse | None, *, restricted: bool, reporter: Reporter
) -> Iterator[Answerer]:
    """What makes the model of a run; servers are started before and stopped after.

    Args:
        options: of the run.
        catalog: for the model's file.
        data_use: hosts that may receive restricted text.
        restricted: whether a task has restricted data, which the servers' logs may then repeat.
        reporter: hears of servers that start.

    Raises:
        ClueplusError: servers can't be started.
    """
    spec = catalog.models.get(options.model)
    if is_baseline(options.model):
        yield lambda tasks: _baseline(options.model, tasks)
    elif options.base_urls:  # somebody else's servers: they serve the weights under their own name
        name = options.model if spec is None or spec.weights is None else spec.weights
        yield lambda tasks: _endpoints(name, options.base_urls, options, spec, data_use, None)
    elif options.backend == "hf":
        served = served_model(options.model, spec)
        yield lambda tasks: _in_process(served, options, spec)
    else:
        served = served_model(options.model, spec, options.engine_args)
        logs = restricted_folder(served.name) if restricted else options.results_dir / slug(served.name)
        plan = ServePlan(served, options.vllm_command, options.replicas, logs, private=restricted)
        with serving(plan, reporter) as servers:
            yield lambda tasks: _endpoints(served.name, servers.base_urls, options, spec, data_use, servers)


def _baseline(name: str, tasks: Sequence[LoadedTask]) -> BaselineModel:
    return BaselineModel(DEFAULT_BASELINE if name == "baseline" else name, {task.name: task.pool for task in tasks})


def _endpoints(
    name: str,
    urls: Sequence[str],
    options: Options,
    spec: ModelSpec | None,
    data_use: DataUse | None,
    supervisor: Supervisor | None,
) -> EndpointModel:
    return EndpointModel(
        name,
        urls,
        api=options.api or (spec.api if spec else "chat"),
        revision=spec.revision if spec else None,
        stop=spec.stop if spec else (),
        concurrency=options.concurrency or DEFAULT_CONCURRENCY,
        timeout=options.timeout,
        attempts=options.attempts,
        data_use=data_use,
        supervisor=supervisor,
    )


def _in_process(served: ServedModel, options: Options, spec: ModelSpec | None) -> Model:
    from clueplus.models.in_process import InProcessModel

    if spec is not None and spec.serve.lora is not None:
        raise ClueplusError(f"{spec.name} is an adapter, which --backend hf does not load", fix="merge it first")
    return InProcessModel(
        served.name,
        served.weights,
        revision=spec.revision if spec else None,
        api=options.api or (spec.api if spec else "chat"),
        stop=spec.stop if spec else (),
        dtype=spec.serve.dtype if spec else "auto",
        batch=options.concurrency or 8,
    )
