"""Loads one shipped task and takes its scores, for tests."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from clueplus.data import Library
from clueplus.evaluation.task import LoadedTask, load_tasks
from clueplus.registry import Catalog

LIBRARY = Library(Path(__file__).parent / "no data here")


@cache
def load(name: str) -> LoadedTask:
    """The sample variant of a task."""
    catalog = Catalog()
    return load_tasks([catalog.task(name)], catalog, "sample", LIBRARY)[0]


def oracle(task: LoadedTask) -> list[str]:
    """The right answers."""
    return [task.target(document) for document in task.splits.test]


def means(task: LoadedTask, answers: Sequence[str]) -> dict[str, float]:
    """Each number of the task over all its documents, with the task's own aggregations."""
    results = [task.score(document, text) for document, text in zip(task.splits.test, answers, strict=True)]
    names = dict.fromkeys(name for result in results for name in result)
    return {name: float(task.aggregate(name)([r[name] for r in results if name in r])) for name in names}
