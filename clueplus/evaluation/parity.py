"""The scoring version `clue-2024`: how CLUE scored a task, defects included, for parity with published numbers only.

A task that has it says so in its metadata (`scoring: [clueplus-1, clue-2024]`) and has a module `clue2024.py` in its
folder, which stock lm-eval never reads:

    process_results(doc, results)   as the task's own: the same components under the same names, by CLUE's arithmetic
    counted(items)                  optional: the items as CLUE's means take them; without it, each once

Intervals are those of the items, each once: CLUE has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from clueplus.data.load import import_module
from clueplus.errors import ClueplusError
from clueplus.registry import Catalog, Scoring, TaskSpec

MODULE = "clue2024"


class Parity(NamedTuple):
    """What the module `clue2024.py` of a task defines."""

    process_results: Callable[[Mapping[str, Any], Sequence[str]], Mapping[str, Any]]
    counted: Callable[[Sequence[Any]], Sequence[Any]]


def read_parity(spec: TaskSpec) -> Parity:
    """The parity module of a task.

    Raises:
        DataError: its folder has none.
    """
    module = import_module(spec.folder / f"{MODULE}.py")
    return Parity(module.process_results, getattr(module, "counted", lambda items: items))


def check_scoring(specs: Sequence[TaskSpec], scoring: Scoring, catalog: Catalog) -> None:
    """Refuses a scoring version that one of the tasks does not have.

    Raises:
        ClueplusError: the tasks that lack it, and those that have it, are named.
    """
    lacking = [spec.name for spec in specs if scoring not in spec.metadata.scoring]
    if lacking:
        having = [spec.name for spec in catalog.tasks.values() if scoring in spec.metadata.scoring]
        raise ClueplusError(
            f"{', '.join(lacking)}: no scoring '{scoring}'", fix=f"choose among {', '.join(having)} with --tasks"
        )
