"""Several endpoints behind one model: sharing, overload, death, revival."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import EndpointError
from clueplus.models import Answer, Decoding, EndpointModel, Request, RequestFailedError
from tests.support.fake_server import FakeServer, fake_server


def requests(count: int) -> list[Request]:
    decoding = Decoding(16, 0.0, ())
    prompts = [[{"role": "user", "content": f"question {n}"}] for n in range(count)]
    return [Request("t", n, {}, prompt, "h", decoding, "open", f"k{n}") for n, prompt in enumerate(prompts)]


def model_of(servers: Sequence[FakeServer], **options: Any) -> EndpointModel:
    return EndpointModel("fake", [server.base_url for server in servers], **{"backoff": 0.01, "attempts": 3, **options})


def ask_all(model: EndpointModel, count: int, workers: int = 8) -> list[Answer | RequestFailedError]:
    """What each request got, asked by a few workers as `generate` does."""
    found: dict[int, Answer | RequestFailedError] = {}
    todo = iter(requests(count))

    async def worker() -> None:
        for request in todo:
            try:
                found[request.index] = await model.answer(request)
            except RequestFailedError as error:
                found[request.index] = error

    async def run() -> None:
        await model.open()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(worker())
        finally:
            await model.close()

    try:
        asyncio.run(run())
    except* EndpointError as errors:
        raise errors.exceptions[0] from None
    return [found[n] for n in range(count)]


def echo(payload: dict[str, Any], number: int) -> str:
    return "to " + payload["messages"][0]["content"]


def texts(answers: list[Answer | RequestFailedError]) -> list[str]:
    return [answer.text for answer in answers if isinstance(answer, Answer)]


EXPECTED = [f"to question {n}" for n in range(60)]


def test_two_endpoints_share_the_work_by_their_speed() -> None:
    with fake_server(echo, latency=0.005) as quick, fake_server(echo, latency=0.05) as slow:
        assert texts(ask_all(model_of([quick, slow], concurrency=4), 60)) == EXPECTED
    assert len(quick.requests) > 2 * len(slow.requests) > 0
    assert max(quick.most_in_flight, slow.most_in_flight) <= 4


def test_an_endpoint_that_dies_is_retired_and_its_requests_go_to_the_other() -> None:
    with fake_server(echo, latency=0.01) as dying, fake_server(echo, latency=0.01) as other:
        dying.die_after = 5
        model = model_of([dying, other], concurrency=4)
        assert texts(ask_all(model, 60)) == EXPECTED
    assert model.retired == [dying.base_url.removeprefix("http://").removesuffix("/v1")]
    asked = Counter(payload["messages"][0]["content"] for payload in other.requests)
    assert set(asked.values()) == {1}


def test_when_the_last_endpoint_dies_the_run_ends() -> None:
    with fake_server(echo) as one, fake_server(echo) as two:
        one.die_after, two.die_after = 5, 8
        with pytest.raises(EndpointError, match="does not answer"):
            ask_all(model_of([one, two], concurrency=4), 60)


def test_a_dead_endpoint_is_tried_by_one_request_at_a_time() -> None:
    """Hundreds of requests that knock at a starting server at once are no help to it."""
    with fake_server(echo) as server:
        model = model_of([server], concurrency=32, attempts=4)
        server.die_after = 0
        with pytest.raises(EndpointError):
            ask_all(model, 60, workers=32)
        assert model._seats[0].failures == 4


def test_a_sick_endpoint_does_not_draw_all_requests_to_itself() -> None:
    """It fails at once, so it is always the one with room."""
    with fake_server(lambda payload, number: (500, {})) as sick, fake_server(echo, latency=0.005) as well:
        model = model_of([sick, well], concurrency=4, attempts=8, backoff=0.001)
        assert texts(ask_all(model, 60)) == EXPECTED
    assert len(model.retired) == 1


def test_a_server_that_pushes_back_gets_fewer_requests_at_a_time() -> None:
    with fake_server(latency=0.01) as server:
        server.reply = lambda payload, number: (429, {}) if server.in_flight >= 4 else "fine"
        model = model_of([server], concurrency=64, attempts=12)
        answers = ask_all(model, 200, workers=64)
    assert texts(answers) == ["fine"] * 200
    assert model.endpoints[0].limit.size < 16


def test_the_window_opens_while_the_server_keeps_up() -> None:
    with fake_server(latency=0.002) as server:
        ask_all(model_of([server], concurrency=128), 800, workers=128)
    assert server.most_in_flight > 40


def test_endpoints_with_different_weights_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(name.encode())
    with fake_server(root=str(tmp_path / "a")) as a, fake_server(root=str(tmp_path / "b")) as b:
        with pytest.raises(EndpointError, match="do not serve the same weights"):
            ask_all(model_of([a, b]), 1)


def test_the_smallest_context_of_all_endpoints_counts() -> None:
    with fake_server(max_model_len=100) as a, fake_server(max_model_len=50) as b:
        model = model_of([a, b])
        ask_all(model, 1)
    assert model.context == 50


class Supervised:
    """Restarts a dead fake server by giving the address of a spare one."""

    def __init__(self, spare: str, after: float = 0.0) -> None:
        self.spare, self.after = spare, after
        self.restarts = 0

    def is_dead(self, base_url: str) -> bool:
        return base_url != self.spare

    async def restart(self, base_url: str) -> str:
        self.restarts += 1
        await asyncio.sleep(self.after)
        return self.spare


@pytest.mark.parametrize("others", [0, 1])
def test_a_supervised_server_comes_back_and_nothing_is_lost(others: int) -> None:
    with ExitStack() as stack:
        dying = stack.enter_context(fake_server(echo))
        spare = stack.enter_context(fake_server(echo))
        more = [stack.enter_context(fake_server(echo, latency=0.02)) for _ in range(others)]
        dying.die_after = 5
        supervisor = Supervised(spare.base_url, after=0.05)
        model = model_of([dying, *more], concurrency=4, supervisor=supervisor)
        assert texts(ask_all(model, 60)) == EXPECTED
    assert supervisor.restarts == 1
    assert spare.requests
    assert model.retired == []


def test_weights_that_change_under_a_restart_end_the_run(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    with fake_server(echo) as dying, fake_server(echo, root=str(tmp_path)) as spare:
        dying.die_after = 5
        with pytest.raises(EndpointError, match="changed during the run"):
            ask_all(model_of([dying], supervisor=Supervised(spare.base_url)), 60)


def test_one_endpoint_given_twice_is_one() -> None:
    with fake_server(echo) as server:
        assert len(model_of([server, server]).endpoints) == 1


def test_a_thousand_requests_cost_little_time() -> None:
    """A wake-up that is lost would leave requests waiting for ever; one for all would take quadratic time."""
    with fake_server() as server:
        start = time.perf_counter()
        assert len(texts(ask_all(model_of([server], concurrency=16), 1000, workers=256))) == 1000
    assert time.perf_counter() - start < 20


def test_requests_that_broke_together_count_as_one_failure() -> None:
    """A server that restarts drops all connections at once; that is no reason to give it up."""
    with fake_server(lambda payload, number: None if number <= 8 else echo(payload, number), latency=0.05) as server:
        model = model_of([server], concurrency=8, attempts=3)
        assert texts(ask_all(model, 60)) == EXPECTED
    assert model.retired == []


def test_a_server_that_breaks_connections_is_knocked_at_by_one_request_at_a_time() -> None:
    with fake_server(lambda payload, number: None, latency=0.02) as server:
        with pytest.raises(EndpointError):
            ask_all(model_of([server], concurrency=16, attempts=4), 60, workers=16)
    assert len(server.requests) <= 16 + 3


def test_few_requests_are_spread_evenly() -> None:
    with fake_server(echo, latency=0.01) as one, fake_server(echo, latency=0.01) as two:
        ask_all(model_of([one, two], concurrency=8), 60, workers=4)
    assert min(len(one.requests), len(two.requests)) > 20
