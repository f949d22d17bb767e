"""One queue of requests, answered with bounded concurrency; each finished answer is stored at once."""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from clueplus.errors import ClueplusError, EndpointError
from clueplus.evaluation.stores import Stores
from clueplus.models import Model, Request, RequestFailedError
from clueplus.models.base import Order, characters

# So many requests refused in a row, and none answered: the rest would be refused as well.
_HOPELESS = 64


@dataclass
class Generation:
    """What came of the requests: how many answers were found in the store, made now, and why others failed, by key."""

    reused: int = 0
    generated: int = 0
    failures: dict[str, str] = field(default_factory=dict)


Progress = Callable[[Generation], None]


class Streak:
    """Requests that failed one after the other, with no answer in between."""

    def __init__(self) -> None:
        self._failed = 0

    def worked(self) -> None:
        """An answer came."""
        self._failed = 0

    def failed(self, error: RequestFailedError) -> None:
        """A request failed.

        Raises:
            EndpointError: so many did that the rest would fail as well.
        """
        self._failed += 1
        if self._failed >= _HOPELESS:
            raise EndpointError(
                f"{self._failed} requests failed in a row, the last one with: {error}",
                fix="mend the endpoint and run the same command: finished answers are kept",
            ) from error


async def generate(
    model: Model,
    requests: Sequence[Request],
    stores: Stores,
    *,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Generation:
    """Answers every request that the store has no answer to; a complete store is compressed.

    Args:
        model: opened already.
        requests: the plan; requests with one key are answered once, refused ones never.
        stores: loaded; opened for writing here.
        fresh: answer also what the store has.
        progress: called after every answer.

    Raises:
        EndpointError: the endpoint died or refuses everything; answers so far are in the store.
        StoreError: the store can't be written.
    """
    refused = {r.key: r.refused for r in requests if r.refused}
    todo = {r.key: r for r in requests if not r.refused and (fresh or stores.get(r) is None)}
    outcome = Generation(reused=len({r.key for r in requests} - refused.keys() - todo.keys()))
    outcome.failures.update(refused)
    queue = deque(arranged(todo.values(), model.order))
    streak = Streak()

    async def worker() -> None:
        while queue:
            request = queue.popleft()
            try:
                answer = await model.answer(request)
            except RequestFailedError as error:
                outcome.failures[request.key] = str(error)
                streak.failed(error)
            else:
                stores.append(request, answer)
                outcome.generated += 1
                streak.worked()
            if progress:
                progress(outcome)

    with stores.writing(), quick_garbage_collection():
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(model.concurrency, len(queue))):
                    group.create_task(worker())
        except* ClueplusError as errors:
            raise _told(errors.exceptions[0], outcome, len(todo)) from None
        if not outcome.failures:
            stores.compress()
    return outcome


@contextmanager
def quick_garbage_collection() -> Iterator[None]:
    """Lets the collector look at new objects alone, and therefore often.

    The HTTP client leaves each request in a reference cycle together with its body. With hundreds of thousands of old
    objects in its way, the collector would come by so seldom that gigabytes of sent prompts pile up.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def arranged(requests: Iterable[Request], order: Order) -> list[Request]:
    """The requests in the order that a model likes.

    "prefix": in the order of their text, which puts those with the longest common beginnings next to each other, so
    that an engine's prefix cache still holds it. "length": the longest first.
    """
    if order == "length":
        return sorted(requests, key=lambda request: -characters(request.prompt))
    return sorted(requests, key=lambda request: (_text(request), request.sample))


def _text(request: Request) -> tuple[str, ...]:
    prompt = request.prompt
    return (prompt,) if isinstance(prompt, str) else tuple(message["content"] for message in prompt)


def _told(error: BaseException, outcome: Generation, wanted: int) -> BaseException:
    """The error with the number of answers that are safe."""
    if isinstance(error, ClueplusError):
        kept = f"{error.message} ({outcome.reused + outcome.generated} of {outcome.reused + wanted} answers are stored)"
        return type(error)(kept, fix=error.fix)
    return error
