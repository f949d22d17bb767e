"""What is refused before anything long starts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from clueplus.data import Library
from clueplus.data.imported import read_imported
from clueplus.errors import ClueplusError, StoreError, did_you_mean
from clueplus.evaluation.options import Options, Reporter
from clueplus.evaluation.task import LoadedTask
from clueplus.metrics.resources import needed
from clueplus.models import BASELINES, EndpointModel, Model, Request
from clueplus.models.base import characters
from clueplus.registry import Catalog, TaskSpec, VariantName

# A run of all tasks stores some ten megabytes of answers.
LEAST_FREE_BYTES = 100_000_000


def check_model(options: Options, catalog: Catalog, is_baseline: bool) -> None:
    """Refuses a model that can't be meant, before anything is loaded."""
    if is_baseline and options.base_urls:
        raise ClueplusError(f"{options.model} answers by itself", fix="leave out --base-url, or name the served model")
    if options.base_urls and (options.backend == "hf" or options.replicas > 1 or options.engine_args):
        raise ClueplusError("with --base-url nothing is started here", fix="leave out what starts it, or --base-url")
    if options.backend == "hf" and (options.replicas > 1 or options.engine_args):
        raise ClueplusError("--backend hf starts no server", fix="leave out --replicas and --engine-args")
    if is_baseline or options.base_urls:
        return
    if options.model in catalog.models or "/" in options.model or Path(options.model).is_dir():
        return
    known = [*catalog.models, *(f"baseline:{name}" for name in BASELINES)]
    raise ClueplusError(
        f"unknown model '{options.model}'",
        fix=f"{did_you_mean(options.model, known).rstrip('?')}; or a checkpoint's folder; or --base-url of a server",
    )


def check_variant(specs: Sequence[TaskSpec], variant: VariantName) -> None:
    """Refuses a variant that one of the tasks does not have."""
    lacking = next((spec for spec in specs if variant not in spec.metadata.variants), None)
    if lacking:
        raise ClueplusError(
            f"{lacking.name} has no variant '{variant}'",
            fix=f"it has {', '.join(lacking.metadata.variants)}; leave it out with --tasks",
        )


def check_data(specs: Sequence[TaskSpec], variant: VariantName, library: Library) -> None:
    """Refuses absent or changed source files before a model is loaded."""
    for spec in specs:
        if spec.metadata.variants[variant].imported:
            read_imported(library.folder, spec.name, variant)
        for source in spec.metadata.variants[variant].sources:
            library.read(source)


def check_writable(folder: Path) -> None:
    """Refuses a results folder that can't be written, or is nearly full, before hours are spent."""
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise StoreError(
            f"can't write to the results folder {folder}: {error.strerror}", fix="choose another --results-dir"
        ) from error
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise StoreError(
            f"only {free / 1e6:.0f} MB are free where {folder} is", fix="make space or choose another --results-dir"
        )


def note_missing_metrics(tasks: Sequence[LoadedTask], reporter: Reporter) -> None:
    """Tells before the first token which components will be missing, and loads what the others need.

    Raises:
        ClueplusError: a model or table is named that can't be loaded: better now than after hours of generation.
    """
    for task in tasks:
        for name, resource in needed(task.measures).items():
            missing = resource.missing()
            if missing is None:
                resource.identity()
                continue
            lost = "without it the task has no score, only its other components"
            why = f"{missing}; {lost}" if name in task.spec.metadata.components else missing
            reporter.note(f"{task.name}: {name} {why}")


def note_uncountable_prompts(requests: Sequence[Request], model: Model, reporter: Reporter) -> None:
    """Tells when nobody knows how much the model can read: a prompt that is too long then shows as a failure."""
    longest = max((characters(request.prompt) for request in requests), default=0)
    if model.context is None and isinstance(model, EndpointModel):
        reporter.note(f"the endpoint does not tell its context; the longest prompt has {longest:,} characters")
