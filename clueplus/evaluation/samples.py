"""The texts behind a run's open and sample items, for the leaderboard's viewer. Restricted ones are never read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from clueplus.data import Library
from clueplus.errors import StoreError
from clueplus.evaluation.plan import Planner, Sampling
from clueplus.evaluation.rescore import RecordedModel
from clueplus.evaluation.store import ResponseStore
from clueplus.evaluation.task import LoadedTask, load_tasks
from clueplus.models import Request
from clueplus.records.run import ItemRecord, RunRecord, read_run
from clueplus.records.samples import Sample, TaskSamples
from clueplus.registry import Catalog, TaskSpec

# Licences under which a document may be shown to anybody, with its source named.
REDISTRIBUTABLE = frozenset({"Apache-2.0", "CC-BY-4.0", "public domain (US government)"})
_STORE = re.compile(r"\.\./responses[\w-]*\.jsonl")


def may_show(spec: TaskSpec, record: RunRecord, task: str) -> bool:
    """Whether a run's texts of a task may be shown: by what the task declares, and by what the record says."""
    declared = spec.metadata.variants.get(record.variant)
    recorded = next((each for each in record.tasks if each.name == task), None)
    return (
        declared is not None
        and recorded is not None
        and {declared.tier, recorded.data.tier} <= {"open", "sample"}
        and declared.licence in REDISTRIBUTABLE
    )


def read_samples(
    folder: Path, tasks: Sequence[str], catalog: Catalog, mirror: Path | None = None
) -> Iterator[TaskSamples]:
    """The texts of those of a run's `tasks` that may be shown.

    The prompts are rendered again, and an answer is shown only beside the very prompt that was recorded. Of the stores,
    the one beside the run is read, which has no answer about a restricted document.

    Raises:
        ClueplusError: the documents are not here or have changed, or the store is not where it was.
    """
    _, record, items = read_run(folder)
    shown = [name for name in tasks if name in catalog.tasks and may_show(catalog.task(name), record, name)]
    if not shown:
        return
    store = _store(folder, record)
    for task in load_tasks(catalog.select(shown), catalog, record.variant, Library.here(mirror)):
        own = sorted((item for item in items if item.task == task.name), key=lambda item: (item.index, item.sample))
        yield _task_samples(task, own, record, store)


def _store(folder: Path, record: RunRecord) -> ResponseStore:
    """The store beside the run; a record can't name another place."""
    if record.generation is None or not _STORE.fullmatch(record.generation.store):
        raise StoreError("the answers are not in a store beside the run")
    store = ResponseStore(folder / record.generation.store).load()
    if not len(store):
        raise StoreError("the stored answers are not here")
    return store


def _task_samples(
    task: LoadedTask, items: Sequence[ItemRecord], record: RunRecord, store: ResponseStore
) -> TaskSamples:
    (recorded,) = (each for each in record.tasks if each.name == task.name)
    sampling = Sampling(recorded.samples, recorded.decoding.get("temperature"))
    planner = Planner(RecordedModel(record.model), sampling)
    made = []
    for item in items:
        if item.index >= len(task.splits.test) or item.sample >= recorded.samples:
            raise StoreError(f"{task.name}: the documents are not those of the run")
        request = planner.item(task, item.index, item.cut)[item.sample]
        # The key says that the answer is to this very prompt, so no record can ask the store for another one's.
        if (request.prompt_hash, request.key) != (item.prompt_hash, item.response_key):
            raise StoreError(f"{task.name}: the prompts are not those of the run", fix="evaluate again")
        made.append((_prompt(request), item, task.target(request.document)))
    prompts = [prompt for prompt, _, _ in made]
    shared = _shared(prompts)
    return TaskSamples(
        task=task.name,
        variant=task.variant_name,
        tier=task.variant.tier,
        licence=task.variant.licence,
        shared=shared,
        samples=[_sample(prompt[len(shared) :], item, reference, store) for prompt, item, reference in made],
    )


def _sample(prompt: str, item: ItemRecord, reference: str, store: ResponseStore) -> Sample:
    answer = store.get(item.response_key)
    known = [value for value in item.components.values() if value is not None]
    return Sample(
        index=item.index,
        sample=item.sample,
        id=item.id,
        prompt=prompt,
        answer=answer.text if answer else None,
        reference=reference,
        outcome=item.outcome,
        score=fmean(known) if known else None,
        truncated=item.truncated,
    )


def _prompt(request: Request) -> str:
    if isinstance(request.prompt, str):
        return request.prompt
    return "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in request.prompt)


def _shared(prompts: Sequence[str]) -> str:
    """What all prompts begin with, up to the end of a line; nothing of a single prompt."""
    if len(prompts) < 2:
        return ""
    first, last = min(prompts), max(prompts)  # what these two share, all do
    unlike = next(
        (at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    return first[: first.rfind("\n", 0, unlike) + 1]
