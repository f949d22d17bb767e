"""Answers that should be JSON of a shape: read where they are, a countable reason where they are not."""

import json
from contextlib import suppress
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.training.synthesis.structured import (
    Example,
    MalformedError,
    exercise_schema,
    read_exercise,
    read_rejected,
    read_scores,
    rejected_schema,
    scores_schema,
)
from tests.support.synthesis import exercise

CRITERIA = ("quality", "realism")


def reason(text: str, output_format: str = "plain_text") -> str:
    with pytest.raises(MalformedError) as caught:
        read_exercise(text, (3, 4), output_format)
    return str(caught.value)


def without(value: dict[str, Any], name: str) -> str:
    return json.dumps({key: inner for key, inner in value.items() if key != name})


@pytest.mark.parametrize("as_json", [False, True])
def test_what_the_schema_allows_is_read(as_json: bool) -> None:
    value, output_format = exercise(1, 3, as_json), "json" if as_json else "plain_text"
    jsonschema.validate(value, exercise_schema(3, output_format))
    found = read_exercise(json.dumps(value), (3, 4), output_format)
    assert found.instruction == value["instruction"]
    assert len(found.examples) == 3
    expected = '{"follow_up":"value 0 of 1"}' if as_json else "Follow up value 0 of 1."
    assert found.examples[0] == Example(value["examples"][0]["input"], expected)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, exercise_schema(4, output_format))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, exercise_schema(3, "plain_text" if as_json else "json"))


def test_a_code_fence_and_json_in_a_text_are_read() -> None:
    value = exercise(1, 3, as_json=True)
    fenced = f"```json\n{json.dumps(value)}\n```"
    plain = read_exercise(json.dumps(value), (3, 4), "json")
    assert read_exercise(fenced, (3, 4), "json") == plain
    for each in value["examples"]:
        each["output"] = json.dumps(each["output"], indent=1)
    assert read_exercise(json.dumps(value), (3, 4), "json") == plain


def test_what_is_wrong_is_told() -> None:
    good = exercise(1, 3, as_json=False)
    assert reason("") == reason("Sure! {") == reason('{"a": NaN}') == reason("[" * 100000) == "not JSON"
    assert reason("[]") == "not a JSON object"
    assert reason(without(good, "instruction")) == "no text in 'instruction'"
    assert reason(without(good, "examples")) == "no list of examples"
    assert reason(json.dumps({**good, "examples": good["examples"][:2]})) == "wrong number of examples"
    assert reason(json.dumps({**good, "examples": [1, 2, 3]})) == "an example that is no object"
    assert reason(json.dumps(exercise(1, 3, as_json=True))) == "no text in 'output'"
    assert reason(json.dumps(good), "json") == "'output' is not JSON"
    assert reason(json.dumps({**good, "instruction": "\x00"})) == "control characters in 'instruction'"
    assert reason(json.dumps({**good, "instruction": "\ud800"})) == "control characters in 'instruction'"
    deep: Any = []
    for _ in range(40):
        deep = [deep]
    good["examples"][0]["output"] = deep
    assert reason(json.dumps(good), "json") == "'output' is no JSON object or list"
    for number in ("1e999", "-1e999"):
        text = json.dumps(good).replace(json.dumps(deep), f'{{"a": {number}}}')
        assert reason(text, "json") == "'output' holds a number out of range"
    good["examples"][0]["output"] = "3"
    assert reason(json.dumps(good), "json") == "'output' is no JSON object or list"


def test_scores_are_whole_numbers_on_the_scale() -> None:
    schema = scores_schema(CRITERIA, 1, 4)
    good = {"quality": 4, "realism": 1}
    jsonschema.validate(good, schema)
    assert read_scores(json.dumps(good), CRITERIA, 1, 4) == good
    assert read_scores(json.dumps({**good, "remark": "x"}), CRITERIA, 1, 4) == good
    for bad, told in (
        ({"quality": 4}, "without a whole number"),
        ({**good, "realism": 2.5}, "without a whole number"),
        ({**good, "realism": "2"}, "without a whole number"),
        ({**good, "realism": True}, "without a whole number"),
        ({**good, "realism": 5}, "off the scale"),
        ({**good, "realism": 0}, "off the scale"),
        ([], "not a JSON object"),
    ):
        with pytest.raises(MalformedError, match=told):
            read_scores(json.dumps(bad), CRITERIA, 1, 4)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)


def test_rejected_outputs() -> None:
    jsonschema.validate({"rejected_output": [1]}, rejected_schema("json"))
    assert read_rejected('{"rejected_output": {"b": 1, "a": 2}}', "json") == '{"a":2,"b":1}'
    assert read_rejected('{"rejected_output": " worse "}', "plain_text") == "worse"
    with pytest.raises(MalformedError):
        read_rejected('{"rejected_output": 3}', "plain_text")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["instruction", "examples", "input", "output"]) | st.text(), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.text() | JSON.map(json.dumps), st.sampled_from(["plain_text", "json"]))
@settings(max_examples=150)
def test_whatever_comes_is_read_or_told(text: str, output_format: str) -> None:
    for read in (
        lambda: read_exercise(text, (1, 4), output_format),
        lambda: read_scores(text, ["quality"], 1, 4),
        lambda: read_rejected(text, output_format),
    ):
        with suppress(MalformedError):
            read()
