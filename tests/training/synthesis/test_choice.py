"""Which rows get a rejected answer, and which answers are one."""

import json
from collections import Counter
from typing import Any

import pytest

from clueplus.models import Answer
from clueplus.training.synthesis.choice import choose, pairs_at
from clueplus.training.synthesis.recipe import read_recipe
from clueplus.training.synthesis.rejected import verify

CORRUPTED = read_recipe("mediflow").corrupted
assert CORRUPTED is not None


def row(instruction: int, pair: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "instruction": f"instruction {instruction}",
        "input": f"input {instruction}.{pair}",
        "output": "The patient needs a chest film.",
        "task_type": "summarization",
        "input_data": "Clinical Note",
        "output_format": "plain_text",
        "quality": 4.0 - instruction / 100,
        "provenance": {},
        **more,
    }


def test_shares_are_those_of_the_paper() -> None:
    assert [pairs_at(place, CORRUPTED) for place in (0, 0.235, 0.236, 0.529, 0.53, 0.9999)] == [3, 3, 2, 2, 1, 1]
    chosen = choose([row(number, pair) for number in range(85) for pair in range(4)], CORRUPTED)
    pairs = Counter(one.row["instruction"] for one in chosen)
    assert [pairs[f"instruction {number}"] for number in range(85)] == [3] * 20 + [2] * 25 + [1] * 40


def test_no_more_pairs_than_an_instruction_has_and_the_best_of_them() -> None:
    rows = [row(0, pair, quality=quality) for pair, quality in enumerate((1, 4, 2, 3))] + [row(1, quality=1.0)]
    chosen = choose(rows, CORRUPTED)
    assert [one.row["quality"] for one in chosen] == [4, 3, 2, 1]
    assert [one.row["quality"] for one in choose(rows[:2], CORRUPTED)] == [4, 1]


def test_strata_take_turns_and_the_best_come_first() -> None:
    rows = [row(number, task_type="a" if number < 8 else "b") for number in range(10)]
    chosen = choose(rows, CORRUPTED, instructions=6)
    assert [one.row["instruction"][-1] for one in chosen] == ["0", "8", "1", "9", "2", "3"]


def test_a_document_is_one_stratum_whatever_its_section() -> None:
    sections = [row(0, input_data="Clinical Note: plan"), row(1, input_data="Consent Form"), row(2)]
    assert [one.row["instruction"][-1] for one in choose(sections, CORRUPTED)] == ["0", "1", "2"]
    other = [row(0), row(1, input_data="Clinical Note: plan"), row(2, input_data="Consent Form")]
    assert [one.row["instruction"][-1] for one in choose(other, CORRUPTED)] == ["0", "2", "1"]


def test_errors_are_drawn_by_the_seed_and_what_a_row_says() -> None:
    rows = [row(number) for number in range(600)]
    drawn = {one.row["instruction"]: one.error_type for one in choose(rows, CORRUPTED)}
    again = {one.row["instruction"]: one.error_type for one in choose(rows[::-1], CORRUPTED)}
    assert drawn == again
    counts = Counter(drawn.values())
    assert len(counts) == 12
    assert max(counts.values()) < 100
    assert drawn != {one.row["instruction"]: one.error_type for one in choose(rows, CORRUPTED, seed=2)}


@pytest.mark.parametrize(
    ("rejected", "reason"),
    [
        ("The patient needs a chest scan.", None),
        ("The  patient needs\na chest film.", "rejected: equals the chosen one"),
        ("The patient.", "rejected: another length"),
        ("The patient needs a chest film. " * 3, "rejected: another length"),
        ("I'm sorry, I can't help you.", "rejected: a refusal"),
        ("", "rejected: empty"),
    ],
)
def test_rejected_answers_are_verified(rejected: str, reason: str | None) -> None:
    text = json.dumps({"rejected_output": rejected})
    assert verify(row(0), Answer(text, "stop"), text, CORRUPTED) == (reason, "" if reason else rejected)
    assert verify(row(0), Answer(text, "length"), text, CORRUPTED)[0] == "cut off by the token limit"


def test_a_rejected_answer_keeps_the_form() -> None:
    asked = row(0, output_format="json", output='{"a":1}')
    good, bad = '{"rejected_output": {"a": 2}}', '{"rejected_output": "two"}'
    assert verify(asked, Answer(good), good, CORRUPTED) == (None, '{"a":2}')
    assert verify(asked, Answer(bad), bad, CORRUPTED) == ("malformed: 'rejected_output' is not JSON", "")
