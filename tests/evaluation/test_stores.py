import asyncio
import gzip
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.errors import StoreError
from clueplus.evaluation.generate import generate
from clueplus.evaluation.store import ResponseStore
from clueplus.evaluation.stores import Stores, open_stores, store_name
from clueplus.models import Answer, Decoding, Request
from clueplus.models.base import prompt_hash, response_key

REQUEST = Request("t", 0, {}, "p", "h", Decoding(1, 0.0, ()), "open", "k")


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stores:
    monkeypatch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path / "data"))
    return open_stores(tmp_path / "results", "my/model", store_name(0), restricted=True)


def test_answers_to_restricted_documents_go_to_the_data_folder_alone(stores: Stores, tmp_path: Path) -> None:
    restricted = replace(REQUEST, tier="restricted", key="secret")
    with stores.writing():
        stores.append(REQUEST, Answer("open answer"))
        stores.append(restricted, Answer("secret answer"))
    shared, private = tmp_path / "results/my-model/responses.jsonl", tmp_path / "data/restricted/answers/my-model"
    assert "secret answer" not in shared.read_text()
    assert "secret answer" in (private / "responses.jsonl").read_text()
    assert stat.S_IMODE((private / "responses.jsonl").stat().st_mode) == 0o600
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    again = open_stores(tmp_path / "results", "my/model", store_name(0), restricted=True).load()
    assert [again.get(request) for request in (REQUEST, restricted)] == [Answer("open answer"), Answer("secret answer")]
    assert again.get(replace(REQUEST, key="secret")) is None, "an open request never gets a restricted answer"


def test_a_private_archive_is_private_too(stores: Stores) -> None:
    with stores.writing():
        stores.append(replace(REQUEST, tier="restricted"), Answer("secret"))
        stores.compress()
    assert stores.restricted is not None
    assert stat.S_IMODE(stores.restricted.archive.stat().st_mode) == 0o600


def test_repetitions_have_stores_of_their_own() -> None:
    assert store_name(0) == "responses.jsonl"
    assert len({store_name(n) for n in range(5)}) == 5


def filled(path: Path, *keys: str) -> ResponseStore:
    store = ResponseStore(path).load()
    with store.writing():
        for key in keys:
            store.append(key, Answer(f"to {key}"))
        store.compress()
    return store


def test_each_run_adds_a_member_to_the_archive_and_empties_the_file(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    filled(path, "a", "b")
    filled(path, "c")
    filled(path)
    assert path.read_bytes() == b""
    with gzip.open(path.with_name("r.jsonl.gz")) as archive:
        assert len(archive.readlines()) == 3
    store = ResponseStore(path).load()
    assert [store.get(key) for key in "abc"] == [Answer(f"to {key}") for key in "abc"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r.jsonl", "r.jsonl.gz"]


def test_what_is_in_both_after_a_crash_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    filled(path, "a")
    with gzip.open(path.with_name("r.jsonl.gz")) as archive:
        path.write_bytes(archive.read())
    assert len(ResponseStore(path).load()) == 1


def test_a_broken_archive_is_told(tmp_path: Path) -> None:
    filled(tmp_path / "r.jsonl", "a", "b")
    archive = tmp_path / "r.jsonl.gz"
    for content in (archive.read_bytes()[:-9], b"no archive", archive.read_bytes()[:30] + b"xxxx"):
        archive.write_bytes(content)
        with pytest.raises(StoreError, match=r"r\.jsonl\.gz"):
            ResponseStore(tmp_path / "r.jsonl").load()


def test_two_writers_are_refused_and_compression_keeps_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    first = filled(path, "a")
    with first.writing():
        first.append("b", Answer("x"))
        first.compress()
        with pytest.raises(StoreError, match="another run is writing"), ResponseStore(path).writing():
            pass


class Named:
    """A model that answers with its own name and what it was asked."""

    api, stop, context, order, concurrency = "chat", (), None, "prefix", 4

    def __init__(self, identity: dict[str, str]) -> None:
        self.identity, self.name = identity, str(sorted(identity.items()))

    async def answer(self, request: Request) -> Answer:
        return Answer(f"{self.name} {request.prompt} {request.decoding} {request.sample}")


ingredients = st.tuples(
    st.dictionaries(st.sampled_from(["model", "weights", "template"]), st.sampled_from(["a", "b"]), max_size=3),
    st.sampled_from(["one question", "another question"]),
    st.builds(Decoding, st.integers(1, 2), st.sampled_from([0.0, 0.7]), st.just(()), st.integers(0, 1)),
    st.integers(0, 1),
)


@settings(max_examples=25)  # every question is a run of its own, whose archive is synced to the disk
@given(st.lists(ingredients, min_size=2, max_size=8))
def test_no_answer_ever_crosses(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[dict[str, str], str, Decoding, int]]
) -> None:
    """Models that share one store, one after the other: each finds its own answer to its own question, or none."""
    path = tmp_path_factory.mktemp("store") / "r.jsonl"
    for identity, prompt, decoding, sample in asked:
        model = Named(identity)
        digest = prompt_hash(prompt)
        key = response_key(identity, "chat", digest, decoding, sample)
        request = Request("t", 0, {}, prompt, digest, decoding, "open", key, sample)
        stores = Stores(ResponseStore(path), None).load()
        asyncio.run(generate(model, [request], stores))  # type: ignore[arg-type]
        found = stores.get(request)
        assert found is not None
        assert found.text == f"{model.name} {prompt} {decoding} {sample}"
