"""RRS QA made by a model: what it is asked about an impression, and which of its pairs are kept."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.data.documents import Documents, Splits, check_splits
from clueplus.data.load import import_module
from clueplus.data.rewriting import Ask, Judged
from clueplus.errors import DataError
from clueplus.registry import Catalog
from tests.tasks.test_rrs_qa import CANARY, report, reports

SPEC = Catalog().task("rrs_qa")
rewrite = import_module(SPEC.folder / "rewrite.py")
IMPRESSION = "1. Mild cardiomegaly, unchanged.\n2. No pleural effusion.\n3. Abnormal left hilum; CT is advised."


def judge(answer: Any, impression: str = IMPRESSION) -> Judged:
    ask = Ask("the prompt", {**report(7, "The heart is large.", impression), "number": 7})
    found: Judged = rewrite.judge(ask, answer if isinstance(answer, str) else json.dumps(answer))
    return found


def pair(answer: Any, question: Any = "What is said?") -> dict[str, Any]:
    return {"question": question, "answer": answer}


def answers(judged: Judged) -> list[str]:
    return [document["answer"] for document in judged.documents]


def test_each_report_is_asked_about_with_its_impression_alone(tmp_path: Path) -> None:
    path = tmp_path / "indiana_dev.json"
    path.write_text(json.dumps([*reports(3), report(9, "Odd.", " {odd}\n\n[braces] 100 % "), report(10, "x", ""), 5]))
    source = rewrite.read(path)
    assert [(row.row, row.reason) for row in source.rejected] == [
        (5, "no text in 'impression'"),
        (6, "not a JSON object"),
    ]
    assert len({ask.prompt for ask in source.asks}) == 4
    assert "\nImpression:\n1. Mild cardiomegaly in 0. 2. No effusion.\n" in source.asks[0].prompt
    assert "\nImpression:\n{odd}\n\n[braces] 100 %\n" in source.asks[3].prompt
    assert '[{"question": "...", "answer": "..."}, ...]' in source.asks[0].prompt
    assert "The heart is enlarged" not in source.asks[0].prompt


@pytest.mark.parametrize(
    ("name", "content"), [("pairs.jsonl", "{}"), ("a.json", f'{{"x": "{CANARY}"}}'), ("a.json", CANARY)]
)
def test_what_is_no_file_of_reports_is_refused_without_its_text(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        rewrite.read(path)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("Mild cardiomegaly", "Mild cardiomegaly"),
        ("  Mild cardiomegaly, unchanged.\n", "Mild cardiomegaly, unchanged."),
        ("unchanged.\n2. No pleural effusion", "unchanged.\n2. No pleural effusion"),
        ("CT", "CT"),
        ("1", "1"),
        (IMPRESSION, IMPRESSION),
    ],
)
def test_an_exact_substring_is_kept(answer: str, kept: str) -> None:
    judged = judge([pair(answer)])
    assert (answers(judged), judged.dropped) == ([kept], [])
    assert judged.documents[0] == {
        "id": "report-7-1",
        "study": "7",
        "kind": None,
        "findings": "The heart is large.",
        "question": "What is said?",
        "answer": kept,
    }


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("mild cardiomegaly", "an answer that is not in the impression"),
        ("Mild  cardiomegaly", "an answer that is not in the impression"),
        ("Mild\ncardiomegaly", "an answer that is not in the impression"),
        ("Mild cardiomegaly unchanged", "an answer that is not in the impression"),
        ("unchanged. 2. No pleural effusion", "an answer that is not in the impression"),
        ("Mild cardiomegaly\u200b", "an answer that is not in the impression"),
        ("M\u0131ld cardiomegaly", "an answer that is not in the impression"),
        (".", "an answer without a word"),
        ("normal left hilum", rewrite.BROKEN_WORD),
        ("Mild cardio", rewrite.BROKEN_WORD),
        ("", rewrite.NOT_A_PAIR),
        (" \n", rewrite.NOT_A_PAIR),
        (None, rewrite.NOT_A_PAIR),
        (5, rewrite.NOT_A_PAIR),
        (["CT"], rewrite.NOT_A_PAIR),
    ],
)
def test_another_answer_is_dropped_with_a_reason(answer: Any, reason: str) -> None:
    judged = judge([pair(answer), pair("CT", "Which study is advised?")])
    assert (answers(judged), judged.dropped) == (["CT"], [reason])


def test_an_answer_counts_where_it_stands_as_whole_words_even_if_it_stands_in_a_word_first() -> None:
    assert answers(judge([pair("normal")], "Abnormal hilum, normal heart")) == ["normal"]
    assert judge([pair("normal")], "Abnormal hilum").dropped == [rewrite.BROKEN_WORD]
    assert answers(judge([pair("(small)")], "x(small)y")) == ["(small)"]


def test_an_answer_with_a_blanked_word_is_dropped() -> None:
    judged = judge([pair("Old ____ fracture"), pair("fracture, 2_1", "Which?")], "Old ____ fracture, 2_1.")
    assert (answers(judged), judged.dropped) == (["fracture, 2_1"], [rewrite.BLANK])


@pytest.mark.parametrize("question", ["", " ", None, 5, "\ud800"])
def test_a_pair_without_a_question_is_dropped(question: Any) -> None:
    assert judge([pair("CT", question)]).dropped == [rewrite.NOT_A_PAIR]


def test_a_question_is_asked_once_of_a_report_and_ids_stay_apart() -> None:
    judged = judge([pair("CT", "What?"), pair("Mild cardiomegaly", " What? "), pair("No pleural effusion", "Which?")])
    assert answers(judged) == ["CT", "No pleural effusion"]
    assert [document["id"] for document in judged.documents] == ["report-7-1", "report-7-2"]
    assert judged.dropped == [rewrite.REPEATED]


@pytest.mark.parametrize(
    "answer",
    [
        {"pairs": [pair("CT")]},
        pair("CT"),
        {**pair("CT"), "notes": []},
        f"Here you are:\n```json\n{json.dumps([pair('CT')])}\n```",
        json.dumps([pair("CT")])[:-1],
        "[{'question': 'What is said?', 'answer': 'CT'},]",
    ],
)
def test_pairs_are_found_in_messy_answers(answer: Any) -> None:
    assert answers(judge(answer)) == ["CT"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("", rewrite.NO_JSON), ("CT is advised.", rewrite.NO_JSON), ("[]", rewrite.NO_PAIR), ("{}", rewrite.NO_PAIR)],
)
def test_an_answer_without_a_pair_is_one_reason(answer: str, reason: str) -> None:
    assert judge(answer) == Judged(dropped=[reason])


def test_findings_of_the_test_are_no_example() -> None:
    made = []
    for number in range(40):
        ask = Ask("p", {**report(number, "The same findings.", IMPRESSION), "number": number})
        made += rewrite.judge(ask, json.dumps([pair("CT")])).documents
    splits, dropped = rewrite.split(made)
    assert (len(splits["test"]), splits["fewshot"], dropped) == (36, [], [rewrite.IN_TEST] * 4)


PIECES = st.sampled_from(
    [
        "Mild",
        " ",
        "\n",
        "cardiomegaly",
        "No effusion",
        ".",
        "é",
        "ß",
        "SS",
        "İ",
        "normal",
        "Ab",
        "2",
        "\u2028",
        '"',
        "[",
    ]
)
TEXT = st.lists(PIECES, max_size=6).map("".join)
ITEMS = st.lists(
    st.dictionaries(st.sampled_from(["question", "answer", "x"]), TEXT | st.none() | st.integers(), max_size=3)
    | TEXT
    | st.integers(),
    max_size=4,
).map(json.dumps)


@settings(deadline=None, max_examples=200)
@given(impression=TEXT, answer=ITEMS | st.text(st.characters(), max_size=60), cut=st.integers(0, 200))
def test_no_answer_raises_and_every_kept_answer_is_a_piece_of_its_impression(
    impression: str, answer: str, cut: int
) -> None:
    for text in (answer, answer[:cut], f"Well, {answer}"):
        judged = judge(text, impression)
        assert judged.documents or judged.dropped
        for document in judged.documents:
            assert document["answer"] in impression
            assert document["answer"] == document["answer"].strip() != ""
            json.dumps(document, ensure_ascii=False).encode()
        assert len({document["id"] for document in judged.documents}) == len(judged.documents)


def test_the_documents_are_what_the_task_declares(tmp_path: Path) -> None:
    made = []
    for number in range(40):
        ask = Ask("p", {**report(number, f"Findings {number}.", IMPRESSION), "number": number})
        made += rewrite.judge(ask, json.dumps([pair("CT"), pair("Mild cardiomegaly", "How large?")])).documents
    splits, dropped = rewrite.split(made)
    assert (len(splits["test"]), len(splits["fewshot"]), dropped) == (72, 8, [])
    check_splits(Splits(*(Documents(splits[name]) for name in ("test", "fewshot"))), SPEC.metadata, "rrs_qa")
