import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import EndpointError
from clueplus.evaluation.generate import Generation, arranged, generate
from clueplus.evaluation.store import ResponseStore
from clueplus.evaluation.stores import Stores
from clueplus.models import Answer, Decoding, Request, RequestFailedError


class Scripted:
    """A model that answers its request's key, or raises what the script says."""

    name, api, stop, context, order = "scripted", "chat", (), None, "prefix"

    def __init__(self, script: dict[str, BaseException] | None = None, concurrency: int = 4) -> None:
        self.script, self.concurrency = script or {}, concurrency
        self.asked: list[str] = []
        self.in_flight = self.most = 0

    def identity(self, task: str) -> dict[str, Any]:
        return {}

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def answer(self, request: Request) -> Answer:
        self.asked.append(request.key)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        await asyncio.sleep(0.001)
        self.in_flight -= 1
        if request.key in self.script:
            raise self.script[request.key]
        return Answer(f"answer to {request.key}")


def requests(count: int) -> list[Request]:
    return [Request("t", n, {}, f"p{n:04}", "h", Decoding(1, 0.0, ()), "open", f"k{n}") for n in range(count)]


def run(model: Scripted, wanted: list[Request], path: Path, **options: Any) -> tuple[Generation, ResponseStore]:
    store = ResponseStore(path).load()
    return asyncio.run(generate(model, wanted, Stores(store, None), **options)), store  # type: ignore[arg-type]


def test_every_request_is_answered_once_with_bounded_concurrency(tmp_path: Path) -> None:
    model = Scripted()
    outcome, store = run(model, requests(50), tmp_path / "r.jsonl")
    assert sorted(model.asked) == sorted(f"k{n}" for n in range(50))
    assert (outcome.generated, outcome.reused, outcome.failures) == (50, 0, {})
    assert model.most == 4
    assert len(ResponseStore(store.path).load()) == 50


def test_requests_with_one_key_are_asked_once(tmp_path: Path) -> None:
    model = Scripted()
    outcome, _ = run(model, requests(3) + requests(3), tmp_path / "r.jsonl")
    assert len(model.asked) == outcome.generated == 3


def test_what_is_stored_is_not_asked_again_unless_fresh(tmp_path: Path) -> None:
    run(Scripted(), requests(5), tmp_path / "r.jsonl")
    model = Scripted()
    outcome, _ = run(model, requests(8), tmp_path / "r.jsonl")
    assert sorted(model.asked) == ["k5", "k6", "k7"]
    assert (outcome.generated, outcome.reused) == (3, 5)
    model = Scripted()
    assert run(model, requests(8), tmp_path / "r.jsonl", fresh=True)[0].generated == 8


def test_one_bad_request_does_not_stop_the_others(tmp_path: Path) -> None:
    outcome, store = run(Scripted({"k2": RequestFailedError("HTTP 400")}), requests(6), tmp_path / "r.jsonl")
    assert outcome.failures == {"k2": "HTTP 400"}
    assert outcome.generated == 5
    assert store.get("k2") is None


def test_an_endpoint_that_dies_ends_the_run_and_what_is_finished_stays(tmp_path: Path) -> None:
    model = Scripted({"k7": EndpointError("gone", fix="start it")}, concurrency=1)
    with pytest.raises(EndpointError, match=r"gone \(7 of 20 answers are stored\)\. Fix: start it"):
        run(model, requests(20), tmp_path / "r.jsonl")
    model = Scripted()
    outcome, _ = run(model, requests(20), tmp_path / "r.jsonl")
    assert (outcome.reused, outcome.generated) == (7, 13)


def test_an_endpoint_that_refuses_everything_is_not_asked_for_hours(tmp_path: Path) -> None:
    script: dict[str, BaseException] = {f"k{n}": RequestFailedError("HTTP 400: bad template") for n in range(1000)}
    model = Scripted(script, concurrency=2)
    with pytest.raises(EndpointError, match=r"64 requests failed in a row, the last one with: HTTP 400: bad template"):
        run(model, requests(1000), tmp_path / "r.jsonl")
    assert len(model.asked) < 70


def test_scattered_failures_do_not_end_a_run(tmp_path: Path) -> None:
    script: dict[str, BaseException] = {f"k{n}": RequestFailedError("x") for n in range(0, 200, 2)}
    outcome, _ = run(Scripted(script, concurrency=1), requests(200), tmp_path / "r.jsonl")
    assert (outcome.generated, len(outcome.failures)) == (100, 100)


def test_progress_hears_of_every_request(tmp_path: Path) -> None:
    heard: list[int] = []
    run(Scripted({"k1": RequestFailedError("x")}), requests(5), tmp_path / "r.jsonl",
        progress=lambda state: heard.append(state.generated + len(state.failures)))  # fmt: skip
    assert heard == [1, 2, 3, 4, 5]


def test_a_complete_run_is_compressed_and_an_incomplete_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    run(Scripted({"k1": RequestFailedError("x")}), requests(5), path)
    assert path.stat().st_size
    assert not path.with_name("r.jsonl.gz").exists()
    outcome, store = run(Scripted(), requests(5), path)
    assert (outcome.reused, outcome.generated) == (4, 1)
    assert path.stat().st_size == 0
    assert store.archive.exists()
    assert run(Scripted(), requests(5), path)[0].generated == 0


def test_a_refused_request_is_never_asked(tmp_path: Path) -> None:
    wanted = requests(3)
    wanted[1] = replace(wanted[1], refused="too long")
    model = Scripted()
    outcome, _ = run(model, wanted, tmp_path / "r.jsonl")
    assert "k1" not in model.asked
    assert outcome.failures == {"k1": "too long"}
    assert (outcome.generated, outcome.reused) == (2, 0)


def test_requests_with_a_common_beginning_follow_each_other() -> None:
    notes = ["note two", "note one"]
    mixed = [
        Request("t", n, {}, [{"role": "user", "content": f"{notes[n % 2]}: question {n}"}], "h",
                Decoding(1, 0.0, ()), "open", f"k{n}") for n in range(6)
    ]  # fmt: skip
    assert [request.index for request in arranged(mixed, "prefix")] == [1, 3, 5, 0, 2, 4]


def test_batches_get_the_longest_first() -> None:
    mixed = [replace(request, prompt="x" * size) for request, size in zip(requests(3), (2, 9, 5), strict=True)]
    assert [request.index for request in arranged(mixed, "length")] == [1, 2, 0]
