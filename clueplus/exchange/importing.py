"""From lm-eval's results to a run record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import clueplus
from clueplus.errors import StoreError
from clueplus.exchange.imported_task import ImportedTask, LeftOutError, imported_task
from clueplus.exchange.lm_eval_export import SCORING
from clueplus.exchange.lm_eval_file import LmEvalResults, read_results
from clueplus.exchange.lm_eval_samples import SamplesFile, read_samples
from clueplus.exchange.names import public_name
from clueplus.files import slug
from clueplus.records.run import (
    RECORD_NAME,
    ImportRecord,
    Measure,
    ModelRecord,
    Run,
    RunRecord,
    write_run,
)
from clueplus.registry import Catalog, VariantName
from clueplus.statistics import summary


def import_lm_eval(path: Path, samples: Sequence[Path], results_dir: Path, catalog: Catalog) -> Run:
    """Records a run of stock lm-eval on tasks of the catalog.

    Args:
        path: lm-eval's results JSON, or an export of ours.
        samples: samples files of that run; a task with one gets items and intervals, another one its scores alone.
        results_dir: where runs are recorded.
        catalog: the tasks that can be imported; others are left out and named in the record.

    Raises:
        StoreError: a file is not what it should be, the samples are not those of the results, no task can be imported,
            or the file was imported before.
    """
    results = read_results(path)
    files = _by_task(results, [read_samples(file) for file in samples])
    tasks, left_out = _tasks(results, files, catalog)
    if not tasks:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "it has no task"
        raise StoreError(f"{path}: nothing to import: {why}", fix="run lm-eval with --include_path on clueplus's tasks")
    record = _record(path, results, tasks, left_out)
    folder = results_dir / slug(record.model.name) / record.run
    if (folder / RECORD_NAME).exists():
        raise StoreError(f"{path} is already imported: {folder}", fix="remove that folder to import it again")
    items = [item for task in tasks for item in task.items]
    write_run(folder, record, items)
    return Run(folder, record, items)


def _by_task(results: LmEvalResults, files: Sequence[SamplesFile]) -> dict[str, SamplesFile]:
    """Each samples file's task, told by the hash that the results give of it; a file's name may be anything."""
    tasks = {digest: task for task, digest in results.task_hashes.items()}
    found: dict[str, SamplesFile] = {}
    for file in files:
        task = tasks.get(file.task_hash)
        if task is None:
            raise StoreError(
                f"{file.path}: its hash is none of those that the results give of their samples",
                fix="give the samples of the same run, unchanged",
            )
        if task in found:
            raise StoreError(f"{file.path}: the samples of {task} are given twice", fix="give each file once")
        found[task] = file
    return found


def _tasks(
    results: LmEvalResults, files: dict[str, SamplesFile], catalog: Catalog
) -> tuple[list[ImportedTask], dict[str, str]]:
    """The tasks that can be imported, and why the others can't; groups are averages of tasks, and left to us."""
    found, left_out = [], {}
    for name in results.results:
        if name in results.group_subtasks:
            continue
        spec = catalog.tasks.get(name)
        try:
            if spec is None:
                raise LeftOutError("no such task here")
            found.append(imported_task(results, spec, _identity(results), _api(results), files.get(name)))
        except LeftOutError as error:
            left_out[name] = str(error)
    return found, left_out


def _record(path: Path, results: LmEvalResults, tasks: list[ImportedTask], left_out: dict[str, str]) -> RunRecord:
    created = datetime.fromtimestamp(results.date, UTC)
    versions = {"lm-eval": results.lm_eval_version, "transformers": results.transformers_version}
    return RunRecord(
        run=f"{created.strftime('%Y%m%dT%H%M%SZ')}-{results.digest[:8]}",
        status="complete",
        created=created,
        command=["clueplus", "results", "import", path.name],
        clueplus=clueplus.__version__,
        environment={name: version for name, version in versions.items() if version and version != "N/A"},
        model=ModelRecord(
            name=_name(results),
            kind="imported",
            api=_api(results),
            identity={task.record.name: _identity(results) for task in tasks},
            reasoning=("", ""),
        ),
        variant=_one_variant(path, tasks),
        scoring=SCORING,
        tasks=[task.record for task in tasks],
        average=_average(tasks),
        generation=None,
        imported=ImportRecord(
            source="lm-eval",
            version=results.lm_eval_version,
            sha256=results.digest,
            samples={task.record.name: task.samples for task in tasks if task.samples},
            left_out=left_out,
        ),
    )


def _one_variant(path: Path, tasks: Iterable[ImportedTask]) -> VariantName:
    found = {task.record.name: task.record.data.variant for task in tasks}
    if len(set(found.values())) > 1:
        told = ", ".join(f"{name} {variant}" for name, variant in found.items())
        raise StoreError(f"{path}: a record is of one variant, and these are several: {told}", fix="run them apart")
    return next(iter(found.values()))


def _average(tasks: Sequence[ImportedTask]) -> Measure:
    found = summary.average(
        {task.record.name: task.record.score.value for task in tasks}, [task.record.name for task in tasks]
    )
    return Measure(value=found.value, n=len(tasks), reason=found.reason)


def _name(results: LmEvalResults) -> str:
    return public_name(results.model_name or "") or "unknown"


def _api(results: LmEvalResults) -> str:
    """lm-eval has a template, be it an empty one, exactly when it rendered prompts as chats."""
    return "completions" if results.chat_template is None else "chat"


def _identity(results: LmEvalResults) -> dict[str, str]:
    """What the results tell of the model; never its arguments, which hold paths and hosts."""
    told = {
        "kind": "imported",
        "model": _name(results),
        "source": results.model_source,
        "revision": results.config.get("model_revision"),
        "sha": results.config.get("model_sha"),
    }
    return {name: str(value) for name, value in told.items() if value}
