"""JSON that a model is asked for: the schema that constrains the server, and the reader that trusts no server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from clueplus.files import canonical_json

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string", "minLength": 1}
_JSON: Schema = {"anyOf": [{"type": "object"}, {"type": "array"}]}
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.S | re.I)
# Nothing that a clinician writes; deeper values make writers recurse.
_DEEPEST = 32
# Control characters and lone halves of characters: no file or tokenizer takes them.
_BROKEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class MalformedError(Exception):
    """An answer that is not what was asked for; the text is a reason to count, without a word of the answer."""


class Example(NamedTuple):
    """An input with its output; JSON outputs are canonical JSON."""

    input: str
    output: str


class Exercise(NamedTuple):
    """An instruction with its examples."""

    instruction: str
    examples: list[Example]


def exercise_schema(pairs: int, output_format: str) -> Schema:
    """The JSON schema of an exercise with so many examples."""
    output = _JSON if output_format == "json" else _TEXT
    example = _object({"input": _TEXT, "output": output})
    examples = {"type": "array", "items": example, "minItems": pairs, "maxItems": pairs}
    return _object({"instruction": _TEXT, "examples": examples})


def scores_schema(criteria: Iterable[str], lowest: int, highest: int) -> Schema:
    """The JSON schema of a whole number for each criterion."""
    return _object({name: {"type": "integer", "enum": [*range(lowest, highest + 1)]} for name in criteria})


def rejected_schema(output_format: str) -> Schema:
    """The JSON schema of a rejected output."""
    return _object({"rejected_output": _JSON if output_format == "json" else _TEXT})


def _object(properties: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


def read_exercise(text: str, pairs: tuple[int, int], output_format: str) -> Exercise:
    """The exercise in an answer.

    Args:
        text: the answer.
        pairs: fewest and most examples.
        output_format: "plain_text" or "json": what the outputs are.

    Raises:
        MalformedError: it is none.
    """
    value = _read_object(text)
    instruction, examples = _text_of(value, "instruction"), value.get("examples")
    if not isinstance(examples, list):
        raise MalformedError("no list of examples")
    if not pairs[0] <= len(examples) <= pairs[1]:
        raise MalformedError("wrong number of examples")
    return Exercise(instruction, [_example(each, output_format) for each in examples])


def read_scores(text: str, criteria: Iterable[str], lowest: int, highest: int) -> dict[str, int]:
    """The score of each criterion in an answer.

    Raises:
        MalformedError: one is missing, no whole number or off the scale.
    """
    value, scores = _read_object(text), {}
    for name in criteria:
        score = value.get(name)
        if not isinstance(score, int) or isinstance(score, bool):
            raise MalformedError("a criterion without a whole number")
        if not lowest <= score <= highest:
            raise MalformedError("a score off the scale")
        scores[name] = score
    return scores


def read_rejected(text: str, output_format: str) -> str:
    """The rejected output in an answer.

    Raises:
        MalformedError: there is none.
    """
    return _output_of(_read_object(text), "rejected_output", output_format)


def _read_object(text: str) -> dict[str, Any]:
    """The JSON object that an answer is, or that its one code fence holds: some servers take no schema."""
    fenced = _FENCED.fullmatch(text)
    try:
        value = json.loads(fenced[1] if fenced else text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise MalformedError("not JSON") from error
    if not isinstance(value, dict):
        raise MalformedError("not a JSON object")
    return value


def _no_number(word: str) -> Any:
    raise ValueError(word)


def _example(value: Any, output_format: str) -> Example:
    if not isinstance(value, dict):
        raise MalformedError("an example that is no object")
    return Example(_text_of(value, "input"), _output_of(value, "output", output_format))


def _text_of(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str):
        raise MalformedError(f"no text in '{name}'")
    return _clean(text, name)


def _output_of(value: dict[str, Any], name: str, output_format: str) -> str:
    """A text as it is; where JSON is wanted, an object or a list, also one that was written into a text."""
    output = value.get(name)
    if output_format != "json":
        return _text_of(value, name)
    if isinstance(output, str):
        try:
            output = json.loads(output, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise MalformedError(f"'{name}' is not JSON") from error
    if not isinstance(output, dict | list) or _too_deep(output):
        raise MalformedError(f"'{name}' is no JSON object or list")
    try:
        return _clean(canonical_json(output), name)
    except ValueError as error:  # 1e999 is JSON, and infinity is not
        raise MalformedError(f"'{name}' holds a number out of range") from error


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _clean(text: str, name: str) -> str:
    """A text without the space around it.

    Raises:
        MalformedError: it holds what no file or tokenizer takes.
    """
    if _BROKEN.search(text):
        raise MalformedError(f"control characters in '{name}'")
    return text.strip()
