"""JSON out of an LLM's answer: taken as it is where it is valid, repaired by json-repair (MIT) where it is not.

Only objects and lists count: a number or a quoted word in prose is no JSON answer. Reasoning is left out. Where code
fences hold JSON, only they are read. Several objects and lists become one list, in order, the lists joined: what an
answer in JSON Lines, or with one list a paragraph, means. A bracket in prose opens JSON only if a quote, a brace, a
bracket or a key follows, so that "[1]", "[see above]" and "[**Name**]" are prose.

Time grows with the length of the answer: what is nested deeper than `DEEPEST` is not read, and json-repair, whose time
grows with the square of the length, gets at most `MOST_REPAIRED` characters an answer; the parts of a longer list are
read one by one, and only the broken ones repaired.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from clueplus.metrics.answer import after_thinking

DEEPEST = 50
"""Deepest nesting that is read; answers need two or three levels, and the parsers recurse."""

MOST_REPAIRED = 4000
"""Characters that are repaired in one answer: some 50 items of an extraction; about 3 seconds at the very worst."""

_FENCE = re.compile(r"```(?:[\w+-]{1,20}(?=\s))?")
_OPENING = re.compile(r"\[(?=\s*(?:[\"'“{\[\]]|\Z))|\{(?=\s*(?:[\"'“{}]|\w{1,40}\s{0,9}:|\Z))")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\(?:.|\Z))*(?:"|\Z)|[\[\]{}]', re.S)
_QUOTES = str.maketrans("“”„", '"""')


Value = dict[str, Any] | list[Any]


@dataclass(frozen=True)
class JsonAnswer:
    """What was found in an answer.

    Attributes:
        value: an object, a list, or None.
        how: "strict": valid JSON stood there, perhaps inside prose or a fence. "repaired": something was changed, a key
            came twice in one object (the last one counts), or several values were joined. "none": nothing was found.
        reason: why there is no value, or why something that looks like JSON is not in it; None when all of it is.
    """

    value: Value | None
    how: Literal["strict", "repaired", "none"]
    reason: str | None = None


def parse_json(answer: str) -> JsonAnswer:
    """The JSON object or list that an answer holds. Never raises, whatever the string."""
    text = after_thinking(answer)
    reader = _Reader()
    # Code stands between every second pair of fences; the last may lack its end, and a value may hold fences itself.
    values = reader.read_whole(text)
    values = values or [value for piece in _FENCE.split(text)[1::2] for value in reader.read(piece)]
    values = values or reader.read(text)
    if not values:
        return JsonAnswer(None, "none", reader.reason or "no JSON object or list")
    if len(values) == 1:
        return JsonAnswer(values[0], "repaired" if reader.changed else "strict", reader.reason)
    joined = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return JsonAnswer(joined, "repaired", reader.reason)


class _Reader:
    """Reads the values in texts, and remembers what had to be done for that."""

    def __init__(self) -> None:
        self.changed = False
        self.reason: str | None = None
        self.repairable = MOST_REPAIRED
        self.decoder = json.JSONDecoder(object_pairs_hook=self._object, parse_constant=self._constant)

    def read_whole(self, text: str) -> list[Value]:
        """The value that a text is from its first to its last character, if it is valid; a list of numbers also."""
        text = text.strip()
        end, depth = _end(text, 0) if text[:1] in {"[", "{"} else (-1, 0)
        value = self._strict(text) if end == len(text) and depth <= DEEPEST else None
        return [] if value is None else [value]

    def read(self, text: str, *, levels: int = 3) -> list[Value]:
        """The values in a text, the broken ones repaired; `levels` bounds how often a long value is opened up."""
        if whole := self.read_whole(text):
            return whole
        values: list[Value] = []
        for part, depth in _parts(text.strip()):
            if depth > DEEPEST:
                self.reason = f"nested deeper than {DEEPEST} levels"
                continue
            value = self._strict(part)
            if value is None and len(part) > self.repairable:
                values += self._opened_up(part, levels)
            elif value is None:
                value = self._repaired(part)
            if value is not None:
                values.append(value)
        return values

    def _opened_up(self, part: str, levels: int) -> list[Value]:
        self.changed = True
        inner = self.read(part[1:], levels=levels - 1) if levels > 1 else []
        if not inner:
            self.reason = f"not valid JSON, and more than {MOST_REPAIRED} characters to repair"
        return inner

    def _strict(self, part: str) -> Value | None:
        try:
            value = self.decoder.decode(part)
        except (ValueError, RecursionError):  # besides bad JSON, a number of more digits than Python reads
            return None
        return value if isinstance(value, dict | list) else None

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        self.changed |= len(found) < len(pairs)
        return found

    def _constant(self, _name: str) -> None:
        self.changed = True  # NaN and Infinity are no JSON

    def _repaired(self, part: str) -> Value | None:
        from json_repair import repair_json

        self.repairable -= len(part)
        try:
            value = repair_json(part if '"' in part else part.translate(_QUOTES), return_objects=True)
        except Exception:  # whatever a repair trips over, the answer has no JSON
            value = None
        if isinstance(value, dict | list) and value:
            self.changed = True
            return value
        # A list that broke off at its bracket does not say "nothing found".
        self.reason = "not valid JSON, and beyond repair"
        return None


def list_items(value: Any) -> list[Any]:
    """The items of the list that an answer should be.

    An object may be one item, or hold lists of them under names of its own; None has no items.
    """
    if not isinstance(value, dict):
        return value or []
    lists = [part for part in value.values() if isinstance(part, list)]
    return [item for part in lists for item in part] if lists else [value] if value else []


def _parts(text: str) -> Iterator[tuple[str, int]]:
    """The stretches that look like an object or a list, each with its deepest nesting; the last may lack its end."""
    position = 0
    while opening := _OPENING.search(text, position):
        position, depth = _end(text, opening.start())
        yield text[opening.start() : position], depth


def _end(text: str, start: int) -> tuple[int, int]:
    """Where the bracket at `start` is closed, or the text ends, and how deep brackets nest until then."""
    depth = deepest = 0
    for match in _STRING_OR_BRACKET.finditer(text, start):
        if match[0] in {"[", "{"}:
            depth += 1
            deepest = max(deepest, depth)
        elif match[0] in {"]", "}"}:
            depth -= 1
            if not depth:
                return match.end(), deepest
    return len(text), deepest
