"""The answers of a recorded run, for whoever shows them beside their scores."""

from __future__ import annotations

from collections.abc import Callable

from clueplus.errors import StoreError
from clueplus.evaluation.score import without_reasoning
from clueplus.evaluation.store import ResponseStore
from clueplus.records.run import Run


def shown_answers(run: Run) -> Callable[[str], str | None]:
    """From a response key to the answer as it was scored; None for every key where the store is not at hand.

    Only the store beside the run is read, never the one of restricted answers, whatever path a record names.
    """
    if run.record.generation is None:  # answered elsewhere
        return lambda key: None
    results = run.folder.resolve().parent
    path = (run.folder / run.record.generation.store).resolve()
    store = ResponseStore(path)
    if path.parent == results:
        try:
            store.load()
        except StoreError:
            return lambda key: None  # the texts are an extra: scores stand without them

    def answer(key: str) -> str | None:
        found = store.get(key)
        return None if found is None else without_reasoning(found.text, *run.record.model.reasoning)

    return answer
