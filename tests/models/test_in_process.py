"""Real generation with transformers; only what can't be had here, a full memory, is made up."""

import asyncio
import gc
import json
import shutil
import sys
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError, EndpointError
from clueplus.evaluation.generate import generate
from clueplus.evaluation.store import ResponseStore
from clueplus.models import Answer, Decoding, Request, RequestFailedError
from clueplus.models.checkpoint import is_out_of_memory
from clueplus.models.endpoint import weights_fingerprint
from clueplus.models.in_process import InProcessModel
from tests.support.tiny_model import BOS, CLINICAL_TEXT, END, PAD, build_tiny_model

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

CANARY = "canary-patient-note-7431"
WORDS = CLINICAL_TEXT.split()
BOS_ID = 1
GREEDY = Decoding(40, 0.0, ())
# Of unlike length, in an order that is not theirs.
PROMPTS = [" ".join(WORDS[start : start + length]) for start, length in
           ((0, 30), (40, 5), (80, 55), (150, 12), (200, 41), (300, 3), (360, 25), (400, 48))]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """So small a model is slower on several threads, most of all beside other tests."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a context of 128 tokens."""
    return build_tiny_model(tmp_path_factory.mktemp("short") / "model", max_length=128)


@pytest.fixture
def changed(tiny: Path, tmp_path: Path) -> Callable[..., Path]:
    """The tiny model with entries of its JSON files changed; None takes one out."""

    def change(name: str, **entries: Any) -> Path:
        folder = tmp_path / "changed"
        if not folder.exists():
            shutil.copytree(tiny, folder)
        path = folder / f"{name}.json"
        content = {**json.loads(path.read_text()), **entries}
        path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
        return folder

    return change


def chat(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def request(prompt: Any, decoding: Decoding = GREEDY, number: int = 0) -> Request:
    prompt = chat(prompt) if isinstance(prompt, str) else prompt
    return Request("t", number, {}, prompt, "hash", decoding, "restricted", f"key {number}")


def plain(text: str, decoding: Decoding = GREEDY) -> Request:
    return replace(request(text, decoding), prompt=text)


def requests(decoding: Decoding = GREEDY) -> list[Request]:
    return [request(prompt, decoding, number) for number, prompt in enumerate(PROMPTS)]


@asynccontextmanager
async def opened(folder: Path | str, **options: Any) -> AsyncIterator[InProcessModel]:
    model = InProcessModel("tiny", str(folder), **options)
    await model.open()
    try:
        yield model
    finally:
        await model.close()


def use(folder: Path, do: Callable[[InProcessModel], Awaitable[Any]], **options: Any) -> Any:
    async def run() -> Any:
        async with opened(folder, **options) as model:
            return await do(model)

    return asyncio.run(run())


Spoil = Callable[[Any], None]


class Spy:
    """Writes down the batches that a model generates, and spoils those that `spoil` raises for."""

    def __init__(self, model: InProcessModel, spoil: Spoil | None = None) -> None:
        self.batches: list[tuple[int, int]] = []
        self.limits: list[int] = []
        self.steps: list[int] = []
        inner = model._checkpoint._model  # type: ignore[union-attr]
        real = inner.generate

        def wrapped(**arguments: Any) -> Any:
            ids = arguments["input_ids"]
            self.batches.append(tuple(ids.shape))
            self.limits.append(arguments["generation_config"].max_new_tokens)
            if spoil:
                spoil(ids)
            found = real(**arguments)
            self.steps.append(found.shape[1] - ids.shape[1])
            return found

        inner.generate = wrapped

    @property
    def sizes(self) -> list[int]:
        return [rows for rows, _ in self.batches]


def answers(folder: Path, wanted: Sequence[Request], spoil: Spoil | None = None, **options: Any) -> tuple[Any, Spy]:
    """What came of each request, errors included, without the seconds; and the batches."""

    async def ask(model: InProcessModel) -> Any:
        spy = Spy(model, spoil)
        found = await asyncio.gather(*map(model.answer, wanted), return_exceptions=True)
        return [replace(one, seconds=None) if isinstance(one, Answer) else one for one in found], spy

    found: tuple[Any, Spy] = use(folder, ask, **options)
    return found


def answer(folder: Path, wanted: Request, **options: Any) -> Answer:
    (found,), _ = answers(folder, [wanted], **options)
    if isinstance(found, BaseException):
        raise found
    assert isinstance(found, Answer)
    return found


@cache
def loaded(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)


def by_hand(folder: Path, prompt: str, seed: int = 0, **options: Any) -> str:
    """What transformers generates for one prompt when nobody is in between."""
    tokenizer, model = loaded(folder)
    inputs = tokenizer.apply_chat_template(
        chat(prompt), add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        found = model.generate(**inputs, max_new_tokens=GREEDY.max_tokens, **options)
    return str(tokenizer.decode(found[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))


@pytest.fixture(scope="module")
def single(tiny: Path) -> list[Answer]:
    """Each request's answer, all alone."""
    found, spy = answers(tiny, requests(), batch=1)
    assert spy.sizes == [1] * 8
    return list(found)


# One answer


def test_an_answer_is_what_transformers_generates(tiny: Path, single: list[Answer]) -> None:
    assert [one.text for one in single] == [by_hand(tiny, prompt, do_sample=False) for prompt in PROMPTS]
    assert len({one.text for one in single}) == len(PROMPTS)


def test_an_end_token_ends_an_answer_and_the_limit_cuts_one(single: list[Answer]) -> None:
    assert {one.finish_reason for one in single} == {"stop", "length"}
    for one in single:
        assert one.completion_tokens == 40 if one.finish_reason == "length" else one.completion_tokens <= 40  # type: ignore[operator]
        assert END not in one.text


def test_tokens_and_seconds_are_told(tiny: Path) -> None:
    async def ask(model: InProcessModel) -> None:
        found = await model.answer(request(PROMPTS[0], Decoding(3, 0.0, ())))
        assert (found.finish_reason, found.completion_tokens) == ("length", 3)
        assert found.prompt_tokens == await model.count(chat(PROMPTS[0]))
        assert 0 < (found.seconds or 0) < 60

    use(tiny, ask)


def test_the_end_token_of_the_template_counts_though_no_config_knows_it(changed: Callable[..., Path],
                                                                        single: list[Answer]) -> None:  # fmt: skip
    folder = endless(changed)
    found, _ = answers(folder, requests())
    assert found == single
    assert answer(folder, plain(PROMPTS[0], Decoding(200, 0.0, ())), api="completions").finish_reason == "length"


def test_every_end_token_of_the_generation_config_counts(changed: Callable[..., Path], tiny: Path) -> None:
    text = by_hand(tiny, PROMPTS[0], do_sample=False)
    third = loaded(tiny)[0](text)["input_ids"][2]
    found = answer(changed("generation_config", eos_token_id=[0, third]), request(PROMPTS[0]))
    assert (found.finish_reason, found.completion_tokens) == ("stop", 3)
    assert text.startswith(found.text)
    assert len(found.text) < len(text)


def endless(changed: Callable[..., Path]) -> Path:
    """A model whose files name as end token one that never comes; its template still closes turns with the real one."""
    template = changed("config", eos_token_id=0) / "chat_template.jinja"
    template.write_text(template.read_text().replace("eos_token", f"'{END}'"))
    changed("generation_config", eos_token_id=0)
    return changed("tokenizer_config", eos_token=PAD)


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


# Stop strings


def test_an_answer_ends_before_its_earliest_stop_string(tiny: Path, single: list[Answer]) -> None:
    wanted, expected = [], []
    for number, full in enumerate(single):
        at = 5 + 3 * number
        stops = ("never said", full.text[at + 4 : at + 6], full.text[at : at + 3])
        wanted.append(request(PROMPTS[number], replace(GREEDY, stop=stops), number))
        expected.append(full.text[: min(full.text.find(stop) for stop in stops[1:])])
    found, spy = answers(tiny, wanted)
    assert [one.text for one in found] == expected
    assert {one.finish_reason for one in found} == {"stop"}
    assert spy.sizes == [8]
    assert spy.steps[0] < 30
    assert found == answers(tiny, wanted, batch=1)[0]


def test_a_stop_string_that_is_never_said_changes_nothing(tiny: Path, single: list[Answer]) -> None:
    assert answers(tiny, requests(replace(GREEDY, stop=("never said",))))[0] == single


def test_a_stop_string_may_be_longer_than_any_token(tiny: Path, single: list[Answer]) -> None:
    longest = max(single, key=lambda one: len(one.text))
    stop = longest.text[10:90]
    found = answer(tiny, request(PROMPTS[single.index(longest)], replace(GREEDY, stop=(stop,))))
    assert found.text == longest.text[:10]
    assert (found.completion_tokens or 0) < 40


# Decoding


def test_sampling_repeats_itself_alone_and_among_others(tiny: Path) -> None:
    sampled = request(PROMPTS[0], Decoding(40, 3.0, (), seed=7))
    before = torch.random.get_rng_state()
    alone = answer(tiny, sampled)
    (among, *_, other), _ = answers(tiny, [sampled, *requests(), replace(sampled, decoding=Decoding(40, 3.0, ()))])
    assert torch.equal(before, torch.random.get_rng_state())
    assert alone == among
    assert alone.text != other.text
    assert alone.text == by_hand(tiny, PROMPTS[0], seed=7, do_sample=True, temperature=3.0, top_k=0)


def test_the_checkpoints_own_taste_has_no_influence(
    changed: Callable[..., Path], tiny: Path, single: list[Answer]
) -> None:
    sampling = {"do_sample": True, "temperature": 0.3, "top_k": 1, "top_p": 0.2, "num_beams": 2}
    penalties = {"repetition_penalty": 4.0, "no_repeat_ngram_size": 2, "min_new_tokens": 50, "suppress_tokens": [300]}
    folder = changed("generation_config", **sampling, **penalties)
    assert answers(folder, requests())[0] == single
    sampled = request(PROMPTS[0], Decoding(40, 3.0, (), seed=7))
    assert answer(folder, sampled) == answer(tiny, sampled)


# What the model reads


def bos_variants(changed: Callable[..., Path], *, template: bool, tokenizer: bool) -> Path:
    """The tiny model with or without a BOS in the template, and one that the tokenizer adds to plain text."""
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    folder = changed("config")
    if not template:
        path = folder / "chat_template.jinja"
        path.write_text(path.read_text().replace("{{- bos_token -}}\n", ""))
    if tokenizer:
        inner = Tokenizer.from_file(str(folder / "tokenizer.json"))
        inner.post_processor = TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, BOS_ID)])
        inner.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize(("template", "tokenizer", "count"),
                         [(True, False, 1), (True, True, 1), (False, True, 1), (False, False, 0)])  # fmt: skip
def test_a_prompt_opens_with_the_one_bos_that_the_model_knows(
    changed: Callable[..., Path], template: bool, tokenizer: bool, count: int
) -> None:
    folder = bos_variants(changed, template=template, tokenizer=tokenizer)
    seen: list[list[int]] = []
    found = answers(folder, requests()[:1], lambda ids: seen.extend(ids.tolist()))[0][0]
    assert seen[0].count(BOS_ID) == count
    assert seen[0][:count] == [BOS_ID] * count
    assert found.prompt_tokens == len(seen[0])


def test_a_template_with_two_bos_is_refused(changed: Callable[..., Path]) -> None:
    path = changed("config") / "chat_template.jinja"
    path.write_text("{{- bos_token -}}" + path.read_text())
    folder = bos_variants(changed, template=True, tokenizer=True)
    with pytest.raises(ClueplusError, match="begins with 2 beginning-of-sequence tokens"):
        answer(folder, request("x"))


def test_plain_text_gets_the_tokenizers_own_special_tokens(changed: Callable[..., Path]) -> None:
    folder = bos_variants(changed, template=True, tokenizer=True)
    seen: list[list[int]] = []
    found, _ = answers(folder, [plain(PROMPTS[0])], lambda ids: seen.extend(ids.tolist()), api="completions")
    assert seen == [loaded(folder)[0](PROMPTS[0])["input_ids"]]
    assert seen[0][0] == BOS_ID
    assert found[0].text


def test_the_context_is_the_smaller_of_what_config_and_tokenizer_tell(changed: Callable[..., Path]) -> None:
    async def context(model: InProcessModel) -> tuple[int | None, str]:
        return model.context, model.order

    assert use(changed("config"), context) == (32768, "length")
    assert use(changed("tokenizer_config", model_max_length=500), context) == (500, "length")
    assert use(changed("tokenizer_config", model_max_length=10**30), context) == (32768, "length")


def test_a_prompt_that_is_too_long_is_refused_and_the_longest_that_fits_is_not(short: Path) -> None:
    async def ask(model: InProcessModel) -> None:
        size = await model.count(chat(PROMPTS[0]))
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
        return await model.count(wrong.prompt)

    assert use(tiny, count) is None


# Who the model is


def identity(folder: Path | str, **options: Any) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        async with opened(folder, **options) as model:
            during = model.identity("t")
        assert model.identity("t") == during, "records are written when the model is closed"
        return during

    return asyncio.run(run())


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


# What can't be used


def refused(folder: Path | str, **options: Any) -> ClueplusError:
    with pytest.raises(ClueplusError) as error:
        identity(folder, **options)
    assert "\n" not in str(error.value)
    assert error.value.fix
    return error.value


def test_a_checkpoint_without_a_chat_template_is_refused_for_chat_only(changed: Callable[..., Path]) -> None:
    folder = changed("config")
    (folder / "chat_template.jinja").unlink()
    error = refused(folder)
    assert isinstance(error, EndpointError)
    assert str(error) == (
        f"{folder} has no chat template. Fix: --api completions, or save the template with the tokenizer"
    )
    assert answer(folder, plain(PROMPTS[0]), api="completions").text


def test_a_chat_template_that_fails_is_refused(changed: Callable[..., Path]) -> None:
    (changed("config") / "chat_template.jinja").write_text("{{ raise_exception('no') }}")
    assert "fails on a plain conversation (TemplateError)" in str(refused(changed("config")))


def test_what_is_no_checkpoint_is_refused(changed: Callable[..., Path], tmp_path: Path) -> None:
    assert "can't be loaded: OSError" in str(refused(tmp_path / "absent"))
    (tmp_path / "empty").mkdir()
    assert "it has no config.json" in str(refused(tmp_path / "empty"))
    folder = changed("config")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert isinstance(refused(folder), EndpointError)


def test_missing_packages_are_named(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    error = refused(tiny)
    assert str(error) == f"no transformers to load '{tiny}' with. Fix: pip install 'clueplus[hf]'"


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


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (torch.OutOfMemoryError("CUDA"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory"), True),
        (RuntimeError("HIP out of memory"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_full_memory_is_known_by_its_many_names(error: Exception, full: bool) -> None:
    assert is_out_of_memory(error) == full


def test_a_full_memory_halves_the_batch_from_then_on(tiny: Path, single: list[Answer]) -> None:
    found, spy = answers(tiny, requests(), full_above(2, torch.OutOfMemoryError(CANARY)))
    assert found == single
    assert spy.sizes == [8, 4, 2, 2, 2, 2]


def test_one_request_that_fills_the_memory_fails_alone(tiny: Path, single: list[Answer]) -> None:
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
    """A model that would talk for a minute."""
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
            assert time.perf_counter() - started < 3
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
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(generate(model, TALK, store), 0.5)
            started = time.perf_counter()
        return time.perf_counter() - started

    assert asyncio.run(run()) < 3
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
        return await generate(model, wanted, store), store

    first, store = use(short, ask)
    assert list(first.failures) == ["key 8"]
    again, _ = use(short, ask)
    assert (first.generated, again.reused, again.generated) == (len(store), len(store), 0)
    assert len(store) + len(first.failures) == 9
