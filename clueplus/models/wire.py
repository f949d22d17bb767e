"""Bodies of the OpenAI-compatible API: what is sent, and what an answer is read from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from clueplus.errors import one_line
from clueplus.models.base import Answer, Api, Prompt, Request, RequestFailedError
from clueplus.models.template import Template

# OpenAI's own limit; vLLM takes any number.
MOST_STOPS = 4
_BUSY = frozenset({408, 429, 502, 503, 504})
_RETRIED = _BUSY | {409, 425, 500}
TOO_LONG = "prompt too long for the served context (raise the server's --max-model-len or leave the task out)"
_REFUSED_AS_LONG = (
    "context length",
    "context window",
    "too long",
    "maximum model length",
    "max_model_len",
    "maximum input",
)


class RetryableError(Exception):
    """A fault that may pass. `busy` when the endpoint has more requests than it can take."""

    def __init__(self, reason: str, *, busy: bool = False) -> None:
        self.busy = busy
        super().__init__(reason)


def payload(request: Request, name: str, api: Api, *, vllm: bool, template: Template | None) -> dict[str, Any]:
    """The body of a request.

    What vLLM understands beside the standard is sent to vLLM alone: the chat template's end token as a token id, which
    ends an answer even where the generation config forgot it; neutral sampling, whatever that config says.
    """
    decoding = request.decoding
    body: dict[str, Any] = {
        "model": name,
        ("messages" if api == "chat" else "prompt"): request.prompt,
        "max_tokens": decoding.max_tokens,
        "temperature": decoding.temperature,
        "top_p": 1.0,
        "stop": [*decoding.stop] if vllm else [*decoding.stop][:MOST_STOPS],
        "seed": decoding.seed,
    }
    if request.schema is not None:
        schema = {"name": "answer", "schema": request.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if vllm:
        body |= {"repetition_penalty": 1.0, "top_k": 0, "min_p": 0.0}
        if api == "chat" and template and template.end_token_id is not None:
            body["stop_token_ids"] = [template.end_token_id]
        if api == "chat" and template and template.add_special_tokens:
            body["add_special_tokens"] = True
    return body


def read_answer(status: int, body: bytes, request: Request, api: Api, seconds: float) -> Answer:
    """The answer in a response.

    Raises:
        RetryableError: the endpoint is busy, or the body is no completion: HTML of a proxy, nothing, a missing choice.
        RequestFailedError: the endpoint refuses this request.
    """
    if status in _RETRIED:
        raise RetryableError(f"HTTP {status}", busy=status in _BUSY)
    if 300 <= status < 400:
        raise RequestFailedError(f"HTTP {status}: the endpoint redirects; give the address it redirects to")
    if status != 200:
        raise RequestFailedError(refusal(status, body, quote=request.tier != "restricted"))
    try:
        data = json.loads(body)
        choice = data["choices"][0]
        text = choice["message"]["content"] if api == "chat" else choice["text"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        found = "HTML" if body.lstrip()[:1] == b"<" else "an empty body" if not body.strip() else "no completion"
        raise RetryableError(f"the endpoint returned {found} instead of an answer") from error
    if text is None:  # a reasoning model that used up its budget, or a content filter: it answered nothing
        text = ""
    if not isinstance(text, str):
        raise RetryableError("the endpoint returned an answer that is not text")
    usage = data.get("usage") if isinstance(data.get("usage"), dict) else {}
    reason = choice.get("finish_reason") if isinstance(choice.get("finish_reason"), str) else None
    kept = cut_at_stop(text, request.decoding.stop)
    return Answer(
        text=kept,
        finish_reason=reason if kept == text else "stop",
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        seconds=round(seconds, 4),
    )


def cut_at_stop(text: str, stops: Sequence[str]) -> str:
    """The text before the first stop string: what every server should do, and some don't."""
    return text[: min((place for stop in stops if stop and (place := text.find(stop)) >= 0), default=len(text))]


def tokenize_body(name: str, prompt: Prompt, *, generation_prompt: bool, special_tokens: bool) -> dict[str, Any]:
    """The body of vLLM's /tokenize."""
    body: dict[str, Any] = {"model": name, "add_special_tokens": special_tokens}
    if isinstance(prompt, str):
        return {**body, "prompt": prompt}
    return {**body, "messages": prompt, "add_generation_prompt": generation_prompt}


def refusal(status: int, body: bytes, *, quote: bool) -> str:
    """Why a request was refused. The server's words are quoted only where no restricted text can be among them."""
    text = body.decode("utf-8", "replace")
    if any(phrase in text.lower() for phrase in _REFUSED_AS_LONG):
        return TOO_LONG
    try:
        error = json.loads(text)
        error = error.get("error", error)
        words = str(error.get("message", "")) if isinstance(error, dict) else str(error)
    except (ValueError, AttributeError, RecursionError):
        words = "HTML page" if text.lstrip()[:1] == "<" else ""
    return f"HTTP {status}{': ' + one_line(words)[:160] if words and quote else ''}"


def page_kind(body: bytes) -> str:
    """What a body looks like that should have been JSON."""
    return "HTML" if body.lstrip()[:1] == b"<" else "an empty page" if not body.strip() else "something else"


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
