"""Records become rows, or are told by the reason why they are none."""

import pytest

from clueplus.training.corpora.rows import EMPTY_OUTPUT, EQUAL, Row, read_row
from clueplus.training.corpora.spec import Source

SOURCE = Source(name="s", licence="none", path="x", task_data="made")
GOOD = {"instruction": "Do it.", "input": "This.", "output": "Done."}
PAIR = {**GOOD, "rejected_output": "Not done."}


def read(kind, record, source=SOURCE):
    return read_row(kind, record, source)


def test_a_document_has_its_text_and_task_data():
    row = read("documents", {"text": "Gout.", "made": ["A summary.", "A question?"], "other": 1})
    assert row.columns == {"text": "Gout.", "task_data": ["A summary.", "A question?"]}
    assert row.texts == ("Gout.", "A summary.", "A question?")
    assert row.likeness == "Gout."


@pytest.mark.parametrize("nothing", [None, "", []])
def test_a_document_without_task_data_has_no_such_column(nothing):
    assert read("documents", {"text": "Gout.", "made": nothing}).columns == {"text": "Gout."}
    assert read("documents", {"text": "Gout."}).columns == {"text": "Gout."}


def test_a_single_text_is_a_list_of_one():
    assert read("documents", {"text": "Gout.", "made": "A summary."}).columns["task_data"] == ["A summary."]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ([], "not an object"),
        (None, "not an object"),
        ({}, "no text in 'text'"),
        ({"text": " \n"}, "no text in 'text'"),
        ({"text": 5}, "no text in 'text'"),
        ({"text": "half a character \ud800"}, "no text in 'text'"),
        ({"text": "Gout.", "made": 5}, "no text or list of texts in 'made'"),
        ({"text": "Gout.", "made": ["fine", ""]}, "no text or list of texts in 'made'"),
    ],
)
def test_a_record_that_is_no_document_is_told_by_its_reason(record, reason):
    assert read("documents", record) == reason


def test_another_column_can_hold_the_text():
    source = Source(name="s", licence="none", path="x", text="note")
    assert read("documents", {"note": "Gout.", "text": "x"}, source).columns == {"text": "Gout."}


def test_an_instruction_row_keeps_the_columns_of_mediflow_and_no_others():
    more = {"task_type": "ner", "output_format": "json", "quality": 3.5, "difficulty": 4, "error_type": "", "mine": 1}
    row = read("instructions", {**GOOD, **more, "realism": float("nan"), "alignment": True})
    assert row.columns == {**GOOD, "task_type": "ner", "output_format": "json", "quality": 3.5, "difficulty": 4}
    assert row.texts == ("Do it.", "This.", "Done.")
    assert row.likeness == "This.\nDone."


def test_an_input_may_be_absent_and_an_instruction_empty():
    assert read("instructions", {"instruction": "Do it.", "output": "Done."}).columns["input"] == ""
    assert isinstance(read("instructions", {**GOOD, "instruction": ""}), Row)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"output": " "}, EMPTY_OUTPUT),
        ({"output": ""}, EMPTY_OUTPUT),
        ({"output": None}, "no 'output'"),
        ({"instruction": None}, "no 'instruction'"),
        ({"output": ["x"]}, "'output' is no text"),
        ({"input": 7}, "'input' is no text"),
        ({"instruction": " ", "input": ""}, "neither instruction nor input"),
    ],
)
def test_a_record_that_is_no_instruction_is_told_by_its_reason(change, reason):
    assert read("instructions", {**GOOD, **change}) == reason
    assert read("preferences", {**PAIR, **change}) == reason


def test_a_preference_row_has_both_outputs_and_no_likeness():
    row = read("preferences", {**PAIR, "error_type": "brevity"})
    assert row.columns == {**PAIR, "error_type": "brevity"}
    assert row.texts == ("Do it.", "This.", "Done.", "Not done.")
    assert row.likeness is None


@pytest.mark.parametrize(
    ("rejected", "reason"),
    [("Done.", EQUAL), (" Done.\n", EQUAL), ("", EMPTY_OUTPUT), (None, "no 'rejected_output'")],
)
def test_a_pair_without_a_choice_is_told_by_its_reason(rejected, reason):
    assert read("preferences", {**PAIR, "rejected_output": rejected}) == reason
