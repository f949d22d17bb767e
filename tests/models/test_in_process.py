"""Real generation with transformers; only what can't be had here, a full memory, is made up."""

import asyncio
import gc
import shutil
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError, EndpointError
from clueplus.evaluation.generate import generate
from clueplus.evaluation.store import ResponseStore
from clueplus.evaluation.stores import Stores
from clueplus.models import Answer, Decoding, RequestFailedError
from clueplus.models.in_process import InProcessModel
from clueplus.models.weights import weights_fingerprint
from tests.support.in_process import (
    CANARY,
    PROMPTS,
    WORDS,
    Spoil,
    Spy,
    answers,
    endless,
    identity,
    opened,
    plain,
    request,
    requests,
    use,
)
from tests.support.tiny_model import CLINICAL_TEXT

# Batches


@pytest.mark.parametrize("batch", [3, 8])
def test_an_answer_does_not_depend_on_its_batch(tiny: Path, single: list[Answer], batch: int) -> None:
    found, spy = answers(tiny, requests(), batch=batch)
    assert found == single
    assert max(spy.sizes) == batch


def test_nor_when_padding_looks_like_an_end_token(changed: Callable[..., Path], single: list[Answer]) -> None:
    changed("config", pad_token_id=None)
    changed("generation_config", pad_token_id=None)
    folder = changed("tokenizer_config", pad_token=None)
    found, spy = answers(folder, requests())
    assert found == single
    assert spy.sizes == [8]


def test_the_longest_prompts_come_first(tiny: Path) -> None:
    _, spy = answers(tiny, requests(), batch=2)
    lengths = [length for _, length in spy.batches]
    assert spy.sizes == [2, 2, 2, 2]
    assert lengths == sorted(lengths, reverse=True)


def test_a_long_prompt_does_not_pad_short_ones(tiny: Path) -> None:
    wanted = [*requests(Decoding(4, 0.0, ())), request(" ".join(WORDS[:900]), Decoding(4, 0.0, ()))]
    _, spy = answers(tiny, wanted, batch=9)
    assert spy.sizes == [1, 8]


def test_a_short_answer_does_not_sit_out_long_ones(tiny: Path, single: list[Answer]) -> None:
    brief = Decoding(2, 0.0, ())
    wanted = [replace(one, decoding=brief) if number % 2 else one for number, one in enumerate(requests())]
    found, spy = answers(tiny, wanted)
    assert sorted(zip(spy.limits, spy.sizes, strict=True)) == [(2, 4), (40, 4)]
    assert found[::2] == single[::2]
    assert {one.completion_tokens for one in found[1::2]} == {2}


def test_no_prompt_changes_the_positions_of_another(changed: Callable[..., Path]) -> None:
    """With longrope, a row beyond the original context switches the frequencies of the whole batch."""
    rope = {"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 60, "factor": 500.0,
            "short_factor": [1.0] * 16, "long_factor": [3.0] * 16}  # fmt: skip
    folder = changed("config", rope_parameters=rope)
    wanted = requests(Decoding(20, 0.0, ()))
    lone, _ = answers(folder, wanted, batch=1)
    found, spy = answers(folder, wanted)
    lengths = [one.prompt_tokens for one in lone]
    assert min(lengths) + 20 < 60 < max(lengths)
    assert any(length <= 60 < length + 20 for length in lengths)
    assert found == lone
    assert max(spy.sizes) > 1


def test_the_context_is_the_smaller_of_what_config_and_tokenizer_tell(changed: Callable[..., Path]) -> None:
    async def context(model: InProcessModel) -> tuple[int | None, str]:
        return model.context, model.order

    assert use(changed("config"), context) == (32768, "length")
    assert use(changed("tokenizer_config", model_max_length=500), context) == (500, "length")
    assert use(changed("tokenizer_config", model_max_length=10**30), context) == (32768, "length")


def test_a_model_that_tells_no_limit_has_none(changed: Callable[..., Path]) -> None:
    from transformers import BloomConfig, BloomForCausalLM

    folder = changed("tokenizer_config", model_max_length=10**30)
    BloomForCausalLM(BloomConfig(vocab_size=2000, hidden_size=32, n_layer=1, n_head=2)).save_pretrained(folder)

    async def context(model: InProcessModel) -> int | None:
        return model.context

    assert use(folder, context) is None


def test_a_prompt_that_is_too_long_is_refused_and_the_longest_that_fits_is_not(short: Path) -> None:
    async def ask(model: InProcessModel) -> None:
        size = await model.count(request(PROMPTS[0]))
        assert size is not None
        fits = request(PROMPTS[0], Decoding(128 - size, 0.0, ()))
        assert (await model.answer(fits)).prompt_tokens == size
        with pytest.raises(RequestFailedError, match="prompt too long for the model's context of 128 tokens"):
            await model.answer(replace(fits, decoding=Decoding(129 - size, 0.0, ())))

    use(short, ask)


def test_a_prompt_that_the_template_refuses_fails_alone_and_is_not_quoted(tiny: Path) -> None:
    wrong = request([{"role": CANARY, "content": CANARY}])
    (good, bad), _ = answers(tiny, [request(PROMPTS[0]), wrong])
    assert isinstance(good, Answer)
    assert isinstance(bad, RequestFailedError)
    assert str(bad) == "the chat template or the tokenizer refuses the prompt (TemplateError)"
    assert bad.__cause__ is None
    assert bad.__context__ is None

    async def count(model: InProcessModel) -> int | None:
        return await model.count(wrong)

    assert use(tiny, count) is None


# Who the model is


def test_a_local_model_is_known_by_its_weights_and_its_template(changed: Callable[..., Path], tiny: Path) -> None:
    found = identity(tiny)
    assert found == {
        "kind": "transformers",
        "model": "tiny",
        "weights": weights_fingerprint(tiny),
        "root": None,
        "revision": None,
        "template": found["template"],
    }
    assert identity(tiny, api="completions")["template"] is None
    path = changed("config") / "chat_template.jinja"
    path.write_text(path.read_text().replace("'<|'", "'Now <|'"))
    assert identity(path.parent)["template"] not in {found["template"], None}


def test_a_hub_model_is_known_by_its_id(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as hub

    snapshot = tmp_path / "models--org--tiny" / "snapshots" / ("a" * 40)
    shutil.copytree(tiny, snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "v1").write_text("a" * 40)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    found = identity("org/tiny", revision="v1")
    assert (found["weights"], found["root"], found["revision"]) == (None, "org/tiny", "v1")


def test_a_batch_of_none_is_refused() -> None:
    with pytest.raises(ClueplusError, match="at least 1"):
        InProcessModel("tiny", "x", batch=0)
    assert InProcessModel("tiny", "x", batch=5).concurrency == 20


# What fails half-way


def full_above(rows: int, error: BaseException) -> Spoil:
    def spoil(ids: Any) -> None:
        if len(ids) > rows:
            raise error

    return spoil


def test_a_full_memory_halves_the_batch_from_then_on(tiny: Path, single: list[Answer]) -> None:
    import torch

    found, spy = answers(tiny, requests(), full_above(2, torch.OutOfMemoryError(CANARY)))
    assert found == single
    assert spy.sizes == [8, 4, 2, 2, 2, 2]


def test_one_request_that_fills_the_memory_fails_alone(tiny: Path, single: list[Answer]) -> None:
    import torch

    longest = max(one.prompt_tokens or 0 for one in single)

    def spoil(ids: Any) -> None:
        if ids.shape[1] == longest:
            raise torch.OutOfMemoryError(CANARY)

    found, spy = answers(tiny, requests(), spoil)
    assert spy.sizes == [8, 4, 2, 1] + [1] * 7
    failed = found.pop(2)
    assert isinstance(failed, RequestFailedError)
    assert str(failed) == f"out of memory with one request of {longest} tokens"
    assert found == [*single[:2], *single[3:]]


def test_another_error_fails_only_the_request_that_makes_it_and_is_not_quoted(tiny: Path, single: list[Answer]) -> None:
    longest = max(one.prompt_tokens or 0 for one in single)

    def spoil(ids: Any) -> None:
        if ids.shape[1] == longest:
            raise ValueError(CANARY)

    found, _ = answers(tiny, requests(), spoil)
    failed = found.pop(2)
    assert isinstance(failed, RequestFailedError)
    assert str(failed) == "generation failed (ValueError)"
    assert failed.__cause__ is None
    assert failed.__context__ is None
    assert found == [*single[:2], *single[3:]]


# The end


@pytest.fixture
def long_winded(changed: Callable[..., Path]) -> dict[str, Any]:
    """A model that would talk for minutes."""
    return {"folder": endless(changed), "api": "completions", "batch": 2}


TALK = [replace(plain(prompt, Decoding(30_000, 0.0, ("never said",))), key=f"key {number}")
        for number, prompt in enumerate(PROMPTS)]  # fmt: skip


def test_close_ends_generation_and_fails_what_waits(long_winded: dict[str, Any]) -> None:
    async def run() -> None:
        async with opened(**long_winded) as model:
            asked = [asyncio.create_task(model.answer(one)) for one in TALK]
            await asyncio.sleep(0.5)
            weights = weakref.ref(model._checkpoint._model)  # type: ignore[union-attr]
            started = time.perf_counter()
            await model.close()
            assert time.perf_counter() - started < 15
            found = await asyncio.gather(*asked, return_exceptions=True)
            assert {type(one) for one in found} == {EndpointError}
            assert "was closed" in str(found[0])
            with pytest.raises(EndpointError, match="is not loaded"):
                await model.answer(TALK[0])
            gc.collect()
            assert weights() is None

    asyncio.run(run())


def test_an_interrupted_run_ends_soon_and_stores_no_half_answer(long_winded: dict[str, Any], tmp_path: Path) -> None:
    store = ResponseStore(tmp_path / "r.jsonl").load()

    async def run() -> float:
        async with opened(**long_winded) as model:
            stores = Stores(ResponseStore(tmp_path / "open.jsonl"), store)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(generate(model, TALK, stores), 0.5)
            started = time.perf_counter()
        return time.perf_counter() - started

    assert asyncio.run(run()) < 15
    assert len(store) == 0


def test_a_request_that_nobody_waits_for_any_more_is_not_answered(tiny: Path) -> None:
    async def ask(model: InProcessModel) -> list[int]:
        spy = Spy(model)
        asked = [asyncio.create_task(model.answer(one)) for one in requests()]
        await asyncio.sleep(0)
        for task in asked[:6]:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        return spy.sizes

    assert use(tiny, ask) == [2]


def test_a_run_from_the_requests_to_the_store(short: Path, tmp_path: Path) -> None:
    wanted = [request(prompt, Decoding(8, 0.0, ("\n\n",)), number) for number, prompt in enumerate(PROMPTS)]
    wanted += [request(CLINICAL_TEXT, Decoding(8, 0.0, ()), 8)]

    async def ask(model: InProcessModel) -> Any:
        store = ResponseStore(tmp_path / "r.jsonl").load()
        return await generate(model, wanted, Stores(ResponseStore(tmp_path / "open.jsonl"), store)), store

    first, store = use(short, ask)
    assert list(first.failures) == ["key 8"]
    again, _ = use(short, ask)
    assert (first.generated, again.reused, again.generated) == (len(store), len(store), 0)
    assert len(store) + len(first.failures) == 9
