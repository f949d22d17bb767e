import asyncio
import json
import os
import socket
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from clueplus.errors import ClueplusError, EndpointError
from clueplus.models import Answer, Decoding, EndpointModel, Request, RequestFailedError
from clueplus.models.data_use import DataUse
from clueplus.models.endpoint import normalise_url
from clueplus.models.weights import weights_fingerprint
from tests.support.fake_server import END, FakeServer, fake_server

CANARY = "canary-patient-note-7431"


def request(tier: str = "open", prompt: Any = None) -> Request:
    messages = prompt or [{"role": "user", "content": CANARY}]
    return Request("t", 0, {"id": "1"}, messages, "hash", Decoding(16, 0.0, ("\n\n",)), tier, "key")  # type: ignore[arg-type]


def ask(server: FakeServer, wanted: Request | None = None, **options: Any) -> Answer:
    async def run() -> Answer:
        model = EndpointModel("fake", server.base_url, attempts=3, backoff=0.01, **options)
        try:
            await model.open()
            return await model.answer(wanted or request())
        finally:
            await model.close()

    return asyncio.run(run())


def test_a_chat_request_carries_the_prompt_and_every_decoding_parameter() -> None:
    with fake_server(lambda payload, number: "hello") as server:
        answer = ask(server)
    assert answer.text == "hello"
    assert (answer.finish_reason, answer.prompt_tokens, answer.completion_tokens) == ("stop", 10, 3)
    assert server.requests == [
        {
            "model": "fake",
            "messages": [{"role": "user", "content": CANARY}],
            "max_tokens": 16,
            "temperature": 0.0,
            "top_p": 1.0,
            "stop": ["\n\n"],
            "seed": 1234,
        }
    ]


def test_a_completion_request_sends_plain_text() -> None:
    with fake_server(lambda payload, number: "hello") as server:
        answer = ask(server, request(prompt="some text"), api="completions")
    assert answer.text == "hello"
    assert server.requests[0]["prompt"] == "some text"


def test_the_api_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUEPLUS_API_KEY", "secret-key")
    with fake_server(lambda payload, number: (401, {"error": {"message": "no"}})) as server:
        with pytest.raises(RequestFailedError) as error:
            ask(server)
    assert server.headers == ["Bearer secret-key"]
    assert "secret-key" not in str(error.value)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_passing_fault_is_tried_again(status: int) -> None:
    with fake_server(lambda payload, number: (status, {}) if number < 3 else "at last") as server:
        assert ask(server).text == "at last"
    assert len(server.requests) == 3


def test_retries_end() -> None:
    with fake_server(lambda payload, number: (503, {})) as server:
        with pytest.raises(RequestFailedError, match=r"HTTP 503, 3 times"):
            ask(server)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("<html>gateway</html>", "HTML"),
        ("", "an empty body"),
        ("NaN", "no completion"),
        ('{"choices": []}', "no completion"),
        ('{"choices": [{"message": {"content": NaN}}]}', "not text"),
        ('{"choices": [{"message": {"content": 3}}]}', "not text"),
    ],
)
def test_a_body_that_is_no_completion_fails_the_request(body: str, told: str) -> None:
    with fake_server(lambda payload, number: (200, body)) as server, pytest.raises(RequestFailedError, match=told):
        ask(server)


def test_a_null_answer_is_an_empty_answer_of_the_model() -> None:
    body = json.dumps({"choices": [{"message": {"content": None}, "finish_reason": "length"}]})
    with fake_server(lambda payload, number: (200, body)) as server:
        answer = ask(server)
    assert (answer.text, answer.finish_reason) == ("", "length")


def test_a_prompt_that_is_too_long_is_told_as_such_and_not_retried() -> None:
    refusal = {"error": {"message": f"This model's maximum context length is 10 tokens. {CANARY}"}}
    with fake_server(lambda payload, number: (400, refusal)) as server:
        with pytest.raises(RequestFailedError, match="prompt too long") as error:
            ask(server)
    assert len(server.requests) == 1
    assert CANARY not in str(error.value)


def test_a_refusal_is_quoted_for_open_data_and_silent_for_restricted_data() -> None:
    refusal = {"error": {"message": f"bad role in {CANARY}"}}
    with fake_server(lambda payload, number: (400, refusal)) as server:
        with pytest.raises(RequestFailedError, match="bad role"):
            ask(server, request("open"))
        with pytest.raises(RequestFailedError) as error:
            ask(server, request("restricted"))
    assert CANARY not in str(error.value)
    assert "HTTP 400" in str(error.value)


def test_a_slow_answer_times_out() -> None:
    with fake_server(latency=0.6) as server, pytest.raises(RequestFailedError, match=r"no answer within 0\.1 s"):
        ask(server, timeout=0.1)


def test_an_endpoint_that_is_down_is_told_before_anything_is_asked() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EndpointError, match="does not answer"):
        asyncio.run(EndpointModel("fake", f"http://127.0.0.1:{port}/v1").open())


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ((200, "<html>hello</html>"), "HTML"),
        ((200, ""), "an empty page"),
        ((200, "{}"), "something else"),
        ((404, {"data": []}), "HTTP 404"),
        ((401, {}), "HTTP 401"),
        ((200, {"data": [{"id": 3}]}), "something else"),
    ],
)
def test_a_server_that_is_no_such_api_is_told(reply: Any, told: str) -> None:
    with fake_server() as server:
        server.models_reply = reply
        with pytest.raises(EndpointError, match=told):
            ask(server)


def test_a_model_that_is_not_served_gets_a_hint() -> None:
    async def run(url: str) -> None:
        await EndpointModel("fakee", url).open()

    with fake_server() as server, pytest.raises(EndpointError, match="did you mean fake"):
        asyncio.run(run(server.base_url))


def test_weights_on_this_machine_are_part_of_the_identity(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights one")
    entry = {"id": "fake", "root": str(tmp_path), "max_model_len": 100}

    def identity() -> dict[str, Any]:
        async def run(url: str) -> dict[str, Any]:
            model = EndpointModel("fake", url)
            await model.open()
            await model.close()
            assert model.context == 100
            return model.identity("any")

        with fake_server() as server:
            server.models_reply = (200, {"data": [entry]})
            return asyncio.run(run(server.base_url))

    before = identity()
    assert before == identity()
    assert str(tmp_path) not in json.dumps(before), "a machine's path is no part of a record"
    (tmp_path / "model.safetensors").write_bytes(b"weights two")
    assert identity() != before


def test_a_fingerprint_sees_a_change_at_either_end_of_a_file_of_equal_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    seen = set()
    for content in (b"a" + b"x" * 100 + b"z", b"b" + b"x" * 100 + b"z", b"a" + b"x" * 100 + b"y"):
        path.write_bytes(content)
        os.utime(path, (1, 1))
        seen.add(weights_fingerprint(tmp_path))
    assert len(seen) == 3


@pytest.mark.parametrize(
    "url",
    [
        "http://h:8000",
        "http://h:8000/",
        "http://h:8000/v1",
        "http://h:8000/v1/",
        "http://h:8000/v1/chat/completions",
        " http://h:8000/v1/models ",
    ],
)
def test_what_people_paste_becomes_the_base_url(url: str) -> None:
    assert normalise_url(url) == "http://h:8000/v1"


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://h/v1", "/v1"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(EndpointError, match="not a URL"):
        normalise_url(url)


def test_restricted_text_is_not_sent_where_it_may_not_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line of defence; the preflight refuses such a run as a whole."""
    monkeypatch.setattr("clueplus.models.data_use.is_loopback", lambda url: False)
    with fake_server(vllm=True) as server:
        with pytest.raises(ClueplusError, match="restricted text may not be sent"):
            ask(server, request("restricted"))
        with pytest.raises(ClueplusError, match="restricted text may not be sent"):
            count(server, request("restricted"))
        assert server.requests == []
        assert ask(server, request("open")).text == "answer"
        assert ask(server, request("restricted"), data_use=DataUse(who="a", agreement="b", hosts=["127.0.0.1"])).text


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with fake_server() as elsewhere:
        headers = {"Location": f"{elsewhere.base_url}/chat/completions"}
        with fake_server(lambda payload, number: web.Response(status=status, headers=headers)) as server:
            with pytest.raises(RequestFailedError, match="redirects"):
                ask(server)
    assert elsewhere.requests == []


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_server() as proxy, fake_server() as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base_url.removesuffix("/v1"))
        assert ask(server).text == "answer"
    assert proxy.requests == []


def count(server: FakeServer, wanted: Request, **options: Any) -> int | None:
    async def run() -> int | None:
        model = EndpointModel("fake", server.base_url, **options)
        try:
            await model.open()
            return await model.count(wanted)
        finally:
            await model.close()

    return asyncio.run(run())


def test_vllm_gets_the_templates_end_token_and_neutral_sampling() -> None:
    with fake_server(vllm=True) as server:
        ask(server)
    (payload,) = server.requests
    assert payload["stop_token_ids"] == [zlib.crc32(END.encode())]
    assert (payload["repetition_penalty"], payload["top_p"], payload["top_k"], payload["min_p"]) == (1.0, 1.0, 0, 0.0)
    assert "add_special_tokens" not in payload, "the template writes the one BOS itself"


def test_a_template_without_bos_gets_the_one_that_the_tokenizer_would_write() -> None:
    with fake_server(vllm=True) as server:
        server.template_bos = 0
        ask(server)
    assert server.requests[0]["add_special_tokens"] is True


def test_a_template_with_two_bos_is_refused_before_anything_is_asked() -> None:
    with fake_server(vllm=True) as server:
        server.template_bos = 2
        with pytest.raises(ClueplusError, match="begins with 2 beginning-of-sequence tokens"):
            ask(server)
    assert server.requests == []


def test_the_template_is_part_of_the_identity() -> None:
    def identity(bos: int) -> dict[str, Any]:
        async def run(url: str) -> dict[str, Any]:
            model = EndpointModel("fake", url)
            await model.open()
            await model.close()
            return model.identity("any")

        with fake_server(vllm=True) as server:
            server.template_bos = bos
            return asyncio.run(run(server.base_url))

    assert identity(1) == identity(1)
    assert identity(1) != identity(0)
    assert len(identity(1)["template"]) == 64


def test_a_model_without_a_template_is_told_how_to_be_asked() -> None:
    with fake_server(vllm=True) as server:
        server.no_template = True
        with pytest.raises(EndpointError, match=r"'fake' has no chat template\. Fix: .*--api completions"):
            ask(server)
        assert ask(server, request(prompt="text"), api="completions").text == "answer"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ((404, {"error": {"message": "Not Found"}}), "can't do the chat API.*--api completions"),
        ((400, {"error": {"message": "default chat template is no longer allowed"}}), "has no chat template"),
        ((400, {"error": {"message": "jinja2 undefined error"}}), "chat template of 'fake' fails"),
        ((401, {}), "set CLUEPLUS_API_KEY"),
    ],
)
def test_what_a_server_cannot_do_is_told_before_the_first_request(reply: Any, told: str) -> None:
    with fake_server(lambda payload, number: reply) as server:
        server.answers_probe = True
        with pytest.raises(EndpointError, match=told):
            ask(server)
    assert server.requests == []


def test_tokens_are_counted_as_the_model_reads_them() -> None:
    with fake_server(vllm=True) as server:
        chat = count(server, request(prompt=[{"role": "user", "content": "one two three"}]))
        text = count(server, request(prompt="one two three"), api="completions")
    assert chat == 1 + 5 + 1  # BOS, the user's turn, the assistant's beginning
    assert text == 1 + 3
    with fake_server() as other:
        assert count(other, request()) is None


def test_an_answer_ends_at_its_stop_string_whatever_the_server_did() -> None:
    with fake_server(lambda payload, number: "the answer\n\nand more") as server:
        answer = ask(server)
    assert (answer.text, answer.finish_reason) == ("the answer", "stop")


def test_a_server_that_is_not_vllm_gets_no_more_stop_strings_than_the_standard_allows() -> None:
    stops = ("a", "b", "c", "d", "e")
    wanted = replace(request(), decoding=Decoding(16, 0.0, stops))
    with fake_server(lambda payload, number: "1 e 2") as plain, fake_server(vllm=True) as vllm:
        assert ask(plain, wanted).text == "1 "
        ask(vllm, wanted)
    assert plain.requests[0]["stop"] == ["a", "b", "c", "d"]
    assert vllm.requests[0]["stop"] == list(stops)


def test_an_adapter_is_known_by_its_own_weights_and_its_base(tmp_path: Path) -> None:
    for name in ("base", "adapter"):
        (tmp_path / name).mkdir()
    (tmp_path / "base" / "model.safetensors").write_bytes(b"base")
    (tmp_path / "adapter" / "adapter_model.safetensors").write_bytes(b"adapter")

    def identity() -> dict[str, Any]:
        async def run(url: str) -> dict[str, Any]:
            model = EndpointModel("fake", url)
            await model.open()
            await model.close()
            return model.identity("any")

        with fake_server() as server:
            entries = [
                {"id": "fake", "root": str(tmp_path / "adapter"), "parent": "b"},
                {"id": "b", "root": str(tmp_path / "base")},
            ]
            server.models_reply = (200, {"data": entries})
            return asyncio.run(run(server.base_url))

    before = identity()
    (tmp_path / "base" / "model.safetensors").write_bytes(b"another base")
    between = identity()
    (tmp_path / "adapter" / "adapter_model.safetensors").write_bytes(b"another adapter")
    assert len({json.dumps(found) for found in (before, between, identity())}) == 3
