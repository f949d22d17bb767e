"""MedicationQA rewritten: what a model is asked about a pair, and what of its answer is kept."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.data.documents import Documents, Splits, check_splits
from clueplus.data.load import import_module
from clueplus.data.rewriting import Ask, Judged
from clueplus.registry import Catalog
from tests.tasks.test_medication_qa import rows, workbook

SPEC = Catalog().task("medication_qa")
rewrite = import_module(SPEC.folder / "rewrite.py")
PAIR = {"id": "pair-7", "drug": "ibuprofen", "kind": "dosage", "question": "how much?", "answer": "A long passage."}
ASK = Ask("the prompt", PAIR)
GOOD = {"answers_question": True, "answer": "Take 400 mg."}


def judge(answer: Any) -> Judged:
    found: Judged = rewrite.judge(ASK, answer if isinstance(answer, str) else json.dumps(answer))
    return found


def test_each_pair_is_asked_about_with_its_question_and_its_whole_passage(tmp_path: Path) -> None:
    body = [*rows(4), ("{odd} {braces}?", "Drug X", None, "Line one.\n\nLine {two}: 100 % <b>sure</b>.", "s", "u")]
    source = rewrite.read(workbook(tmp_path, body))
    assert len(source.asks) == 9
    assert len({ask.prompt for ask in source.asks}) == 9
    last = source.asks[-1].prompt
    assert "Medicine asked about: drug x\nQuestion: {odd} {braces}?\n" in last
    assert "Passage:\nLine one.\n\nLine {two}: 100 % <b>sure</b>.\n" in last
    assert '{"answers_question": true, "answer": "..."}' in last
    assert last.startswith(rewrite.PROMPT.partition("{drug}")[0].replace("{{", "{").replace("}}", "}"))


def test_a_pair_without_a_drug_has_no_invented_one(tmp_path: Path) -> None:
    source = rewrite.read(
        workbook(tmp_path, [("What is DOXY used for?", None, "Use", "Infections.", "s", "u"), *rows(4)])
    )
    assert "Medicine asked about: see the question\nQuestion: What is DOXY used for?\n" in source.asks[0].prompt


def test_rows_that_an_import_rejects_are_not_asked_about(tmp_path: Path) -> None:
    source = rewrite.read(workbook(tmp_path, [*rows(4), *rows(1)[:1], ("q?", "d", "k", None, "s", "u")]))
    assert len(source.asks) == 8
    assert [(row.row, row.reason) for row in source.rejected] == [
        (10, "no text in 'answer'"),
        (9, "a pair that was there before"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        [GOOD],
        {**GOOD, "answers_question": "Yes"},
        {**GOOD, "answers_question": " true "},
        {**GOOD, "answer": "\n Take 400 mg.  "},
        {**GOOD, "reason": "the passage says so", "doses": ["400 mg"]},
        f"The passage is on topic.\n```json\n{json.dumps(GOOD)}\n```\nAnything else?",
        "{'answers_question': True, 'answer': 'Take 400 mg.',}",
    ],
)
def test_a_rewritten_answer_takes_the_place_of_the_passage(answer: Any) -> None:
    assert judge(answer) == Judged([{**PAIR, "answer": "Take 400 mg."}])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"answers_question": False}, rewrite.BESIDE),
        ({"answers_question": False, "answer": "Take 400 mg."}, rewrite.BESIDE),
        ({"answers_question": "no"}, rewrite.BESIDE),
        ({"answers_question": None, "answer": "Take 400 mg."}, rewrite.NO_VERDICT),
        ({"answers_question": "perhaps", "answer": "Take 400 mg."}, rewrite.NO_VERDICT),
        ({"answer": "Take 400 mg."}, rewrite.NO_VERDICT),
        ({"answers_question": True}, rewrite.NO_WORD),
        ({"answers_question": True, "answer": ""}, rewrite.NO_WORD),
        ({"answers_question": True, "answer": " ... "}, rewrite.NO_WORD),
        ({"answers_question": True, "answer": 400}, rewrite.NO_WORD),
        ({"answers_question": True, "answer": ["Take 400 mg."]}, rewrite.NO_WORD),
        ('{"answers_question": true, "answer": "\\ud800 half a character"}', rewrite.NO_WORD),
        ([GOOD, GOOD], rewrite.NO_JSON),
        ("", rewrite.NO_JSON),
        ("Take 400 mg.", rewrite.NO_JSON),
        ("[]", rewrite.NO_JSON),
        ('["yes"]', rewrite.NO_JSON),
    ],
)
def test_what_is_no_rewritten_answer_is_dropped_with_a_reason(answer: Any, reason: str) -> None:
    assert judge(answer) == Judged(dropped=[reason])


def test_two_passages_that_became_one_answer_are_one_pair_and_the_pool_stays_apart() -> None:
    made = [
        {**PAIR, "id": f"pair-{n}", "drug": f"drug {n % 40}", "question": f"how much {n % 40}?", "answer": "Take it!"}
        for n in range(50)
    ]
    made.append({**PAIR, "id": "pair-50", "question": "HOW much 3", "answer": "take it"})
    splits, dropped = rewrite.split(made)
    assert dropped == [rewrite.REPEATED] * 11
    assert {document["id"] for split in splits.values() for document in split} == {f"pair-{n}" for n in range(40)}
    check_splits(Splits(*(Documents(splits[name]) for name in ("test", "fewshot"))), SPEC.metadata, "medication_qa")


def test_a_question_of_the_test_is_no_example() -> None:
    # One question about every drug: the pool's pairs all ask what the test asks.
    made = [
        {**PAIR, "id": f"pair-{n}", "drug": f"drug {n}", "question": "may I drink?", "answer": f"no {n}"}
        for n in range(40)
    ]
    splits, dropped = rewrite.split(made)
    assert (len(splits["test"]), splits["fewshot"], dropped) == (36, [], [rewrite.IN_TEST] * 4)


JSON_TEXT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["answers_question", "answer", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
).map(json.dumps)


@settings(deadline=None, max_examples=150)
@given(answer=JSON_TEXT | st.text(st.characters(), max_size=80), cut=st.integers(0, 80))
def test_no_answer_raises_and_each_is_one_pair_or_one_reason(answer: str, cut: int) -> None:
    for text in (answer, answer[:cut], f"Well: {answer} so"):
        judged = judge(text)
        assert len(judged.documents) + len(judged.dropped) == 1
        for document in judged.documents:
            assert set(document) == set(SPEC.metadata.fields)
            assert document["answer"].strip()
            document["answer"].encode()
