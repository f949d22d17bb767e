"""The tiny model behind a real vLLM: what the end-to-end tests stand on."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from clueplus.models.server import Server
from tests.support.tiny_model import CLINICAL_TEXT, build_tiny_model
from tests.support.vllm_server import vllm_missing, vllm_server

pytestmark = pytest.mark.e2e

MAX_MODEL_LEN = 4096
SENTENCES = [f"{sentence}." for sentence in " ".join(CLINICAL_TEXT.split()).split(". ") if len(sentence) > 40][:32]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reason = vllm_missing()
    if reason and os.environ.get("CLUEPLUS_REQUIRE_VLLM") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    started = time.perf_counter()
    folder = build_tiny_model(tmp_path_factory.mktemp("tiny") / "model")
    print(f"\nmodel built in {time.perf_counter() - started:.1f} s")
    return folder


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = time.perf_counter()
    with vllm_server(model, max_model_len=MAX_MODEL_LEN, log=tmp_path_factory.mktemp("vllm") / "server.log") as running:
        print(f"\nserver up in {time.perf_counter() - started:.1f} s")
        yield running
        started = time.perf_counter()
    print(f"\nserver down in {time.perf_counter() - started:.1f} s")


def request(server: Server, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    message = urllib.request.Request(
        f"{server.base_url}/{path}",
        data=None if body is None else json.dumps({"model": server.served.name, **body}).encode(),
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(message, timeout=120) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def chat(server: Server, text: str, **options: Any) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": text}], "temperature": 0, "seed": 1, "max_tokens": 48, **options}
    choice: dict[str, Any] = request(server, "chat/completions", body)["choices"][0]
    return choice


def answers(server: Server, concurrency: int) -> list[tuple[str, list[float]]]:
    """The greedy answer to each sentence with the log-probabilities of its tokens."""
    with ThreadPoolExecutor(concurrency) as pool:
        choices = list(pool.map(lambda text: chat(server, text, logprobs=True), SENTENCES))
    return [
        (choice["message"]["content"], [token["logprob"] for token in choice["logprobs"]["content"]])
        for choice in choices
    ]


def test_the_server_tells_its_context_length(server: Server) -> None:
    (card,) = request(server, "models")["data"]
    assert card["id"] == server.served.name
    assert card["max_model_len"] == MAX_MODEL_LEN


def test_chat_answers_with_plain_text_of_two_kinds_of_end(server: Server) -> None:
    choices = [chat(server, text) for text in SENTENCES]
    texts = [choice["message"]["content"] for choice in choices]
    assert {choice["finish_reason"] for choice in choices} == {"stop", "length"}
    assert len(set(texts)) == len(SENTENCES), "another prompt gives another answer"
    assert not [text for text in texts if "<|" in text or "\ufffd" in text]


def test_a_system_message_and_an_earlier_turn_are_accepted(server: Server) -> None:
    earlier = [
        {"role": "system", "content": "You are a careful clinician."},
        {"role": "user", "content": "Is this heart failure?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Which drug is the first choice?"},
    ]
    with_turns = chat(server, "", messages=earlier)["message"]["content"]
    assert with_turns != chat(server, "", messages=earlier[-1:])["message"]["content"]


def test_completion_echoes_the_prompt_with_log_probabilities(server: Server) -> None:
    body = {"prompt": SENTENCES[0], "temperature": 0, "seed": 1, "max_tokens": 1, "echo": True, "logprobs": 1}
    choice = request(server, "completions", body)["choices"][0]
    first, *others = choice["logprobs"]["token_logprobs"]
    assert choice["text"].startswith(SENTENCES[0])
    assert first is None
    assert all(value < 0 for value in others)


def test_the_same_seed_repeats_a_sampled_answer(server: Server) -> None:
    sampled = [chat(server, SENTENCES[0], temperature=1, seed=seed)["message"]["content"] for seed in (3, 3, 4)]
    assert sampled[0] == sampled[1] != sampled[2]


def test_greedy_answers_repeat(server: Server) -> None:
    alone = answers(server, 1)
    assert answers(server, 1) == alone

    together = answers(server, 16)
    texts = sum(one[0] != other[0] for one, other in zip(alone, together, strict=True))
    bits = sum(one[1] != other[1] for one, other in zip(alone, together, strict=True))
    print(f"\nconcurrency 1 and 16: {texts} of {len(alone)} answers differ, {bits} in some bit of a log-probability")
