"""One queue of requests, answered with bounded concurrency; each finished answer is stored at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from clueplus.errors import ClueplusError, EndpointError
from clueplus.evaluation.store import ResponseStore
from clueplus.models import Model, Request, RequestFailedError


@dataclass
class Generation:
    """What came of the requests: how many answers were found in the store, made now, and why others failed, by key."""

    reused: int = 0
    generated: int = 0
    failures: dict[str, str] = field(default_factory=dict)


Progress = Callable[[Generation], None]


async def generate(
    model: Model,
    requests: Sequence[Request],
    store: ResponseStore,
    *,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Generation:
    """Answers every request that the store has no answer to.

    Args:
        model: opened already.
        requests: the plan; requests with one key are answered once.
        store: loaded; opened for writing here.
        fresh: answer also what the store has.
        progress: called after every answer.

    Raises:
        EndpointError: the endpoint died or refuses everything; answers so far are in the store.
        StoreError: the store can't be written.
    """
    todo = {r.key: r for r in requests if fresh or store.get(r.key) is None}
    outcome = Generation(reused=len({r.key for r in requests}) - len(todo))
    queue = deque(todo.values())
    unlucky = 0

    async def worker() -> None:
        nonlocal unlucky
        while queue:
            request = queue.popleft()
            try:
                answer = await model.answer(request)
            except RequestFailedError as error:
                outcome.failures[request.key] = str(error)
                unlucky += 1
                if unlucky >= max(16, 2 * model.concurrency):
                    raise EndpointError(
                        f"{unlucky} requests failed in a row, the last one with: {error}",
                        fix="mend the endpoint and run the same command: finished answers are kept",
                    ) from error
            else:
                store.append(request.key, answer)
                outcome.generated += 1
                unlucky = 0
            if progress:
                progress(outcome)

    with store.writing():
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(model.concurrency, len(queue))):
                    group.create_task(worker())
        except* ClueplusError as errors:
            raise _told(errors.exceptions[0], outcome, len(todo)) from None
    return outcome


def _told(error: BaseException, outcome: Generation, wanted: int) -> BaseException:
    """The error with the number of answers that are safe."""
    if isinstance(error, ClueplusError):
        kept = f"{error.message} ({outcome.reused + outcome.generated} of {outcome.reused + wanted} answers are stored)"
        return type(error)(kept, fix=error.fix)
    return error
