"""JSON as models write it: found, repaired within bounds, and never anything but JSON."""

import json
import math
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.metrics.json_answer import DEEPEST, MOST_REPAIRED, parse_json

ITEM = {"entity": "Tobacco", "label": "StatusTime", "value": 'quit "cold turkey" [2 y ago]'}
LIST = [ITEM, {"entity": "Alcohol", "label": "Amount", "value": "1-2 {beers}"}]
TEXT = json.dumps(LIST)
SIMPLE = [{"value": "quit"}, {"value": "two packs"}]
PLAIN = json.dumps(SIMPLE)

STRICT = [
    TEXT,
    f"  {TEXT}\n",
    f"```json\n{TEXT}\n```",
    f"```\n{TEXT}\n```",
    f"```{TEXT}```",
    f"Sure! Here is the list:\n\n```JSON\n{TEXT}\n```\nI hope [this] helps {{a lot}}.",
    f"```json\n{TEXT}",
    f"The patient's \"entities: {TEXT} and that's it.",
    f"[**Name**] has [1] these: {TEXT}",
    f"<think>[] or {{}}?</think>{TEXT}",
    f"[{{}}]</think>{TEXT}",
    json.dumps(LIST, indent=2),
]

REPAIRED = [
    PLAIN[:-1] + ",]",
    PLAIN.replace('"', "'"),
    PLAIN.replace("}, {", "} {"),
    PLAIN.replace('"value"', "value"),
    PLAIN.replace('"two', "“two").replace('packs"', "packs”"),
    PLAIN[:-2],
    PLAIN[:-3],
    f"```json\n{PLAIN[:-1]},\n]\n```",
    "// found\n" + PLAIN.replace("[", "[ // two\n", 1),
    '{"value": "quit"}\n{"value": "two packs"}',
    '{"value": "quit"}, {"value": "two packs"}',
    '[{"value": "quit"}]\n\nSecond:\n\n[{"value": "two packs"}]',
    '```json\n[{"value": "quit"}]\n```\nand\n```json\n{"value": "two packs"}\n```',
    '[{"value": "stop", "value": "quit"}, {"value": "two packs"}]',
    PLAIN.replace('"', "“"),
]

NONE = [
    "",
    " \n",
    "None",
    "null",
    "42",
    '"text"',
    "No social determinants are mentioned.",
    "see [1] and [see above], {x}",
    "[**First Name**]",
    "[redacted]",
    "[1] and [2]",
    "[",
    "{",
    "```json\n[",
    "[,]",
    "<think>[1, 2]",
    "[1, 2, 3",
    "[1, 2] and so on",
    "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
]


@pytest.mark.parametrize("answer", STRICT)
def test_valid_json_is_taken_as_it_is(answer: str) -> None:
    found = parse_json(answer)
    assert (found.value, found.how, found.reason) == (LIST, "strict", None)


@pytest.mark.parametrize("answer", REPAIRED)
def test_broken_json_is_repaired_and_said_to_be(answer: str) -> None:
    found = parse_json(answer)
    assert (found.value, found.how, found.reason) == (SIMPLE, "repaired", None)


@pytest.mark.parametrize("answer", NONE)
def test_what_is_no_object_or_list_has_no_value_and_a_reason(answer: str) -> None:
    found = parse_json(answer)
    assert (found.value, found.how) == (None, "none")
    assert found.reason


@pytest.mark.parametrize(("answer", "value"), [("[]", []), ("{}", {}), ("```json\n[]\n```", []), ("Answer: []", [])])
def test_an_empty_list_is_a_value(answer: str, value: object) -> None:
    assert (parse_json(answer).value, parse_json(answer).how) == (value, "strict")


def test_a_list_of_numbers_counts_only_by_itself() -> None:
    assert parse_json("[1, 2]").value == [1, 2]
    assert parse_json("```\n[1, 2]\n```").value == [1, 2]
    assert parse_json("the sources [1, 2] say").value is None


def test_half_an_item_at_the_end_does_not_cost_the_others() -> None:
    for cut in range(len(json.dumps(LIST[:1])), len(TEXT)):
        found = parse_json(TEXT[:cut])
        assert (found.value[0], found.how) == (ITEM, "repaired")


def test_fences_inside_a_value_are_text() -> None:
    for value in ("```json\n[1]\n```", "```{}```", "```[]"):
        assert parse_json(json.dumps({"value": value})).value == {"value": value}


def test_what_python_reads_beyond_json_is_a_repair() -> None:
    assert (parse_json("[NaN, 1]").value, parse_json("[NaN, 1]").how) == ([None, 1], "repaired")
    assert parse_json('{"a": -Infinity}').value == {"a": None}


def test_of_a_long_broken_list_only_the_broken_items_are_repaired() -> None:
    items = [{"value": f"item {number}"} for number in range(2_000)]
    text = json.dumps(items)
    assert len(text) > 10 * MOST_REPAIRED
    broken = text.replace('"item 7"', "'item 7'", 1)
    assert (parse_json(broken).value, parse_json(broken).how) == (items, "repaired")
    assert parse_json(text[:-1]).value == items
    assert parse_json(f'{{"items": {text[:-1]}').value == items
    assert parse_json(text).how == "strict"


def test_no_more_is_repaired_than_the_bound_says() -> None:
    hopeless = "{'value': '" + "x" * MOST_REPAIRED + "'}"
    found = parse_json(hopeless)
    assert found.value is None
    assert str(MOST_REPAIRED) in (found.reason or "")
    within = "{'value': '" + "x" * (MOST_REPAIRED - 13) + "'}"
    assert len(within) == MOST_REPAIRED
    assert parse_json(within).how == "repaired"


def test_what_no_repair_is_left_for_is_missing_and_said_to_be() -> None:
    line = "{'value': '" + "x" * 86 + "'}"
    assert len(line) == 99
    found = parse_json("\n".join([line] * 100))
    assert len(found.value or []) == MOST_REPAIRED // 99
    assert (found.how, str(MOST_REPAIRED) in (found.reason or "")) == ("repaired", True)
    assert parse_json("\n".join([line] * 40)).reason is None


def test_nesting_is_read_to_the_deepest_level_and_no_further() -> None:
    assert parse_json("[" * DEEPEST + "]" * DEEPEST).how == "strict"
    assert "nested" in (parse_json("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1)).reason or "")
    deep = "[" * 100_000 + "]" * 100_000
    assert parse_json(deep + TEXT).value == LIST


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
containers = st.lists(values, max_size=4) | st.dictionaries(st.text(max_size=5), values, max_size=4)


@settings(max_examples=300, deadline=None)
@given(containers, st.booleans())
def test_any_json_comes_back_as_it_was(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    if "think>" not in text:
        assert (parse_json(text).value, parse_json(text).how) == (value, "strict")


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=5), values, min_size=1, max_size=4))
def test_any_object_is_found_in_prose(value: dict) -> None:
    text = json.dumps(value)
    if "```" not in text and "think>" not in text:
        assert parse_json(f'Here\'s the "answer":\n\n{text}\n\nThat is all.').value == value
        assert parse_json(f"Here it is:\n```json\n{text}\n```\n").value == value


TOKENS = ["[", "]", "{", "}", '"', "'", ",", ":", "\\", "```", "json\n", "a", "1", " ", "\n", "null", "NaN", "//", "“"]
messy = st.lists(st.sampled_from([*TOKENS, "<think>", "</think>", "9" * 5000]) | st.text(max_size=3), max_size=40)


@settings(max_examples=600, deadline=None)
@given(messy.map("".join))
def test_any_string_is_parsed_or_not_but_never_raises(answer: str) -> None:
    found = parse_json(answer)
    assert isinstance(found.value, dict | list) == (found.how != "none")
    assert found.reason or found.how != "none"


def test_what_a_repair_trips_over_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_options: object) -> None:
        raise IndexError

    monkeypatch.setattr("json_repair.repair_json", broken)
    assert parse_json("[{'a': 1}]").how == "none"


def test_a_caller_deep_in_the_stack_gets_an_answer_too() -> None:
    def call(levels: int) -> str:
        return call(levels - 1) if levels else parse_json(TEXT[:-1]).how

    depth = sys.getrecursionlimit() - 200
    assert call(depth - 100) in {"repaired", "none"}


@pytest.mark.parametrize("text", ["[1e999]", '{"a": 1e999}'])
def test_numbers_beyond_a_float_are_infinite(text: str) -> None:
    found = parse_json(text).value
    assert math.isinf(found[0] if isinstance(found, list) else found["a"])


HOSTILE = ["[", "{", '"', "'", '{"a":', '["', "\\", "(", "{a:", "}", "]", "[]", "[1,", ":", '["a" b "c" ']
HOSTILE += ["```", "[ ", "{ a :", "<think>", '{"a": "x"y", ', '"\\', " ", "/*", "[[]"]


@pytest.mark.parametrize("before", ["", '{"a": "', '[{"a": 1},'])
@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_of_100000_characters_takes_seconds_at_most(unit: str, before: str) -> None:
    answer = before + (unit * 100_000)[:100_000]
    start = time.process_time()
    parse_json(answer)
    assert time.process_time() - start < 8


@pytest.mark.parametrize("unit", ["[", "{", "[{", '{"a":[', "[]", '["', "```"])
def test_a_million_characters_of_brackets_take_seconds_at_most(unit: str) -> None:
    start = time.process_time()
    parse_json((unit * 10**6)[: 10**6])
    assert time.process_time() - start < 15
