"""Asking an in-process model of the tiny weights, and watching it generate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from clueplus.models import Answer, Decoding, Request
from clueplus.models.in_process import InProcessModel
from tests.support.tiny_model import CLINICAL_TEXT, END, PAD

CANARY = "canary-patient-note-7431"
WORDS = CLINICAL_TEXT.split()
GREEDY = Decoding(40, 0.0, ())
# Of unlike length, in an order that is not theirs.
PROMPTS = [" ".join(WORDS[start : start + length]) for start, length in
           ((0, 30), (40, 5), (80, 55), (150, 12), (200, 41), (300, 3), (360, 25), (400, 48))]  # fmt: skip


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
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        found = model.generate(**inputs, max_new_tokens=GREEDY.max_tokens, **options)
    return str(tokenizer.decode(found[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))


def identity(folder: Path | str, **options: Any) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        async with opened(folder, **options) as model:
            during = model.identity("t")
        assert model.identity("t") == during, "records are written when the model is closed"
        return during

    return asyncio.run(run())


def endless(changed: Callable[..., Path]) -> Path:
    """A model whose files name as end token one that never comes; its template still closes turns with the real one."""
    template = changed("config", eos_token_id=0) / "chat_template.jinja"
    template.write_text(template.read_text().replace("eos_token", f"'{END}'"))
    changed("generation_config", eos_token_id=0)
    return changed("tokenizer_config", eos_token=PAD)
