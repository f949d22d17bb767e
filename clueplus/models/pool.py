"""A model behind one or more endpoints: each request goes where there is room; what a dead one held is asked again."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from typing import Any, Literal, Protocol

from clueplus.errors import ClueplusError, EndpointError
from clueplus.models.base import Answer, Api, Order, Request, RequestFailedError
from clueplus.models.data_use import DataUse, may_receive_restricted
from clueplus.models.endpoint import Endpoint, UnreachableError
from clueplus.models.wire import RetryableError

DEFAULT_CONCURRENCY = 256
# So many faults in a row, and an endpoint that does answer is retired all the same, if there is another one: it fails
# fast, so it would draw every request to itself.
_SICK = 32


class Supervisor(Protocol):
    """Who started the servers, and can start one of them again."""

    def is_dead(self, base_url: str) -> bool:
        """Whether the server's process ended."""
        ...

    async def restart(self, base_url: str) -> str:
        """Starts a dead server again; returns its new base URL.

        Raises:
            EndpointError: it was restarted before, or does not come up.
        """
        ...


class _Seat:
    """An endpoint's place in the pool."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.in_flight = 0
        self.failures = 0
        self.faults = 0
        self.failed_at = 0.0
        self.rest_until = 0.0
        self.state: Literal["open", "restarting", "retired"] = "open"

    def room(self, now: float) -> bool:
        """Whether one more request may go there now; after a rest, one alone finds out whether the server is back."""
        if self.state != "open" or now < self.rest_until:
            return False
        return self.in_flight < (1 if self.failures else self.endpoint.limit.size)

    def load(self) -> float:
        """How full it is."""
        return self.in_flight / self.endpoint.limit.size


class EndpointModel:
    """One served model behind one or more base URLs.

    A request is tried up to `attempts` times with exponential back-off and jitter, at whichever endpoint has room; then
    it fails alone. An endpoint that does not answer rests, twice as long each time, and is retired after `attempts`
    rounds; with a supervisor it is started again once. Its requests go to the others. The run ends when none is left.

    Args:
        name: the served model's name.
        base_urls: one address or several; all must serve the same weights and template.
        api: "chat" or "completions".
        revision: what is known of the weights, for the response key.
        stop: strings that end an answer beside the task's own.
        concurrency: most requests in flight at one endpoint; how many really are is found out.
        timeout: seconds for one try.
        data_use: hosts beside this machine that may receive restricted text.
        supervisor: who can restart an endpoint.
    """

    order: Order = "prefix"

    def __init__(
        self,
        name: str,
        base_urls: str | Sequence[str],
        *,
        api: Api = "chat",
        revision: str | None = None,
        stop: Sequence[str] = (),
        concurrency: int = DEFAULT_CONCURRENCY,
        timeout: float = 600.0,
        attempts: int = 5,
        backoff: float = 0.5,
        data_use: DataUse | None = None,
        supervisor: Supervisor | None = None,
    ) -> None:
        urls = [base_urls] if isinstance(base_urls, str) else list(dict.fromkeys(base_urls))
        self.name = name
        self.endpoints = [
            Endpoint(
                name,
                url,
                api=api,
                concurrency=concurrency,
                timeout=timeout,
                restricted=may_receive_restricted(url, data_use),
            )
            for url in urls
        ]
        self.concurrency = concurrency * len(urls)
        self.stop = tuple(stop)
        self.context: int | None = None
        self.retired: list[str] = []
        self._api: Api = api
        self._revision = revision
        self._attempts = attempts
        self._backoff = backoff
        self._supervisor = supervisor
        self._seats = [_Seat(endpoint) for endpoint in self.endpoints]
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._last_fault: ClueplusError | None = None

    @property
    def api(self) -> Api:
        """The API that prompts are rendered for."""
        return self._api

    @property
    def engine(self) -> str | None:
        """What serves, where it tells: "vllm 0.32.0"."""
        return self.endpoints[0].engine

    def identity(self, task: str) -> dict[str, Any]:
        """The served model, its weights (a fingerprint when they lie on this machine) and its chat template's hash."""
        return {
            "kind": "endpoint",
            "model": self.name,
            "revision": self._revision,
            **self.endpoints[0].served(),
        }

    async def open(self) -> None:
        """Connects to all endpoints; they must serve the same."""
        try:
            async with asyncio.TaskGroup() as group:
                for endpoint in self.endpoints:
                    group.create_task(endpoint.open())
        except* ClueplusError as errors:
            await self.close()
            raise errors.exceptions[0] from None
        first = self.endpoints[0]
        for other in self.endpoints[1:]:
            if other.served() != first.served():
                await self.close()
                raise EndpointError(
                    f"{first.host} and {other.host} do not serve the same weights and chat template",
                    fix="give endpoints of one model only",
                )
        contexts = [endpoint.context for endpoint in self.endpoints if endpoint.context]
        self.context = min(contexts, default=None)

    async def close(self) -> None:
        """Closes all connections."""
        for task in self._tasks:
            task.cancel()
        for endpoint in self.endpoints:
            await endpoint.close()

    async def count(self, request: Request) -> int | None:
        """The tokens of a request's prompt; None where the server does not tell."""
        return await self.endpoints[0].count(request)

    async def answer(self, request: Request) -> Answer:
        """The answer of the endpoint that has room first, after retries."""
        failed, reason = 0, ""
        while failed < self._attempts:
            seat = await self._seat()
            seat.in_flight += 1
            began = asyncio.get_running_loop().time()
            try:
                answer = await seat.endpoint.attempt(request)
                seat.failures = seat.faults = 0
                seat.endpoint.limit.worked()
                return answer
            except UnreachableError as error:
                self._unreachable(seat, began, str(error))
                continue
            except RetryableError as error:
                reason = str(error)
                self._faulty(seat, error)
            finally:
                seat.in_flight -= 1
                self._wake()
            failed += 1
            if failed < self._attempts:
                # Jitter only spreads load; it has no part in any result, so it needs no seed.
                await asyncio.sleep(self._backoff * 2 ** (failed - 1) * (0.5 + random.random()))  # noqa: S311
        raise RequestFailedError(f"{reason}, {self._attempts} times")

    async def _seat(self) -> _Seat:
        """The least loaded seat with room; waits for one.

        Raises:
            EndpointError: every endpoint is retired.
        """
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            free = [seat for seat in self._seats if seat.room(now)]
            if free:
                return min(free, key=_Seat.load)
            if all(seat.state == "retired" for seat in self._seats):
                assert self._last_fault is not None
                raise self._last_fault
            turn: asyncio.Future[None] = loop.create_future()
            self._waiting.append(turn)
            await turn

    def _wake(self) -> None:
        """Lets as many waiting requests look again as there may be room for."""
        if not self._waiting:
            return
        now = asyncio.get_running_loop().time()
        room = sum(seat.endpoint.limit.size - seat.in_flight for seat in self._seats if seat.room(now))
        if all(seat.state == "retired" for seat in self._seats):
            room = len(self._waiting)
        while room > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                room -= 1

    def _unreachable(self, seat: _Seat, began: float, reason: str) -> None:
        """A seat's server did not answer a request that was sent at `began`."""
        loop = asyncio.get_running_loop()
        if seat.state != "open":
            return
        if self._supervisor is not None and self._supervisor.is_dead(seat.endpoint.base_url):
            seat.state = "restarting"
            task = loop.create_task(self._revive(seat))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        if seat.failures and began < seat.failed_at:
            return  # sent before the last failure: it tells nothing new
        seat.failures += 1
        seat.failed_at = loop.time()
        if seat.failures >= self._attempts:
            fix = "start the server again, then run the same command: finished answers are kept"
            self._retire(seat, EndpointError(reason, fix=fix))
            return
        rest = self._backoff * 2 ** (seat.failures - 1)
        seat.rest_until = seat.failed_at + rest
        loop.call_later(rest + 0.001, self._wake)

    def _faulty(self, seat: _Seat, error: RetryableError) -> None:
        """A seat's server answered with a fault that may pass."""
        if error.busy:
            seat.endpoint.limit.overloaded()
        seat.faults += 1
        others = any(other.state == "open" and not other.faults for other in self._seats if other is not seat)
        if seat.faults >= _SICK and others and seat.state == "open":
            self._retire(seat, EndpointError(f"{seat.endpoint.base_url}: {error}", fix="mend the endpoint"))

    async def _revive(self, seat: _Seat) -> None:
        assert self._supervisor is not None
        try:
            await seat.endpoint.move(await self._supervisor.restart(seat.endpoint.base_url))
        except ClueplusError as error:
            self._retire(seat, error)
        else:
            seat.state, seat.failures, seat.rest_until = "open", 0, 0.0
            self._wake()

    def _retire(self, seat: _Seat, fault: ClueplusError) -> None:
        seat.state = "retired"
        self.retired.append(seat.endpoint.host)
        self._last_fault = fault
        self._wake()
