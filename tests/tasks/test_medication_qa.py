"""MedicationQA: how answers are scored, and what the importer makes of the workbook and of rewritten pairs."""

import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.data import Library
from clueplus.data.documents import Documents, Splits, check_splits
from clueplus.data.importing import Imported, import_task
from clueplus.data.load import import_module, load_splits
from clueplus.errors import DataError
from clueplus.registry import Catalog
from tests.tasks.test_scoring import load, means, numbers, oracle

CANARY = "CANARY7431"
HEADER = ("Question", "Focus (Drug)", "Question Type", "Answer", "Section Title", "URL")
SPEC = Catalog().task("medication_qa")
read = import_module(SPEC.folder / "importer.py").read


def rows(count: int = 40) -> list[tuple[Any, ...]]:
    return [
        (f"{CANARY} how much of drug {n} number {k}?", f"Drug {n}", "Dosage", f"Take {n} {CANARY} a day.", "Use", "u")
        for n in range(count)
        for k in range(2)
    ]


def workbook(tmp_path: Path, body: list[tuple[Any, ...]], header: Any = HEADER, sheet: str = "DrugQA") -> Path:
    book = openpyxl.Workbook()
    table = book.create_sheet(sheet)
    for row in (header, *body):
        table.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    path = tmp_path / "MedInfo2019-QA-Medications.xlsx"
    path.write_bytes(buffer.getvalue())
    return path


def pairs(tmp_path: Path, body: list[Any]) -> Path:
    path = tmp_path / "rewritten.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in body))
    return path


def rewritten(count: int = 40) -> list[Any]:
    return [
        {"question": f"{CANARY} question {n}?", "answer": f"Take {n} {CANARY}.", "model": "m"} for n in range(count)
    ]


def everything(found: Imported) -> list[dict[str, Any]]:
    return [document for split in found.splits.values() for document in split]


def test_the_oracle_scores_1_and_answers_of_others_little() -> None:
    task = load("medication_qa", None)
    gold = oracle(task)
    found = means(task, gold)
    assert found.pop("unscorable") == 0
    assert set(found.values()) == {1.0}
    assert set(found) == {"score", *task.spec.metadata.components, *task.spec.metadata.beside}
    broken = gold[1:] + gold[:1]
    half = [b if n % 2 else g for n, (g, b) in enumerate(zip(gold, broken, strict=True))]
    assert means(task, broken)["score"] < 0.3
    assert means(task, broken)["score"] + 0.1 < means(task, half)["score"] < 0.9


def test_the_column_is_the_f1_of_rouge_1() -> None:
    found = load("medication_qa", None).score({"answer": "a b x y z w"}, "x y a b")
    assert (found["rouge_1"], found["rouge_1_recall"], found["rouge_l"]) == pytest.approx((0.8, 4 / 6, 0.4), abs=1e-12)
    assert found["score"] == {"rouge_1": found["rouge_1"]}


@pytest.mark.parametrize("empty", ["", " \n"])
def test_an_empty_answer_is_unscorable(empty: str) -> None:
    found = load("medication_qa", None).score({"answer": "a"}, empty)
    assert (found["rouge_1"], found["unscorable"]) == (0, 1)


@settings(deadline=None)
@given(answer=st.text(st.characters(), max_size=60), index=st.integers(0, 14))
def test_any_answer_has_numbers_between_0_and_1(answer: str, index: int) -> None:
    task = load("medication_qa", None)
    document = task.splits.test[index]
    for text in (answer, answer + document["answer"]):
        assert all(type(number) is float and 0 <= number <= 1 for number in numbers(task.score(document, text)))


def test_the_prompt_shows_three_pairs_and_not_the_answer() -> None:
    task = load("medication_qa", None)
    for document in task.splits.test:
        prompt = task.prompt(document, "chat")
        assert isinstance(prompt, list)
        assert [message["role"] for message in prompt] == ["user", "assistant"] * 3 + ["user"]
        assert prompt[-1]["content"].endswith("Answer:")
        assert prompt == task.prompt({**document, "answer": "X", "drug": "X", "kind": "X"}, "chat")


def test_the_workbook_is_the_open_variant(tmp_path: Path) -> None:
    body = [*rows(), ("Is there none?", "Drug X", "Usage", None, "s", "u")]
    path = workbook(tmp_path, body)
    manifest, rejected = import_task(SPEC, path, tmp_path / "data")
    assert manifest.variant == "open"
    assert [tuple(row) for row in rejected] == [(path.name, 81, "no text in 'answer'")]
    assert sum(manifest.splits.values()) == 80
    splits = load_splits(SPEC, "open", Library(tmp_path / "data"))
    assert len(splits.fewshot) == 8
    with pytest.raises(DataError, match="was not imported"):
        load_splits(SPEC, "official", Library(tmp_path / "data"))


def test_rewritten_pairs_are_the_official_variant(tmp_path: Path) -> None:
    manifest, rejected = import_task(SPEC, pairs(tmp_path, rewritten()), tmp_path / "data")
    assert (manifest.variant, manifest.splits, rejected) == ("official", {"test": 36, "fewshot": 4}, [])


def test_documents_keep_question_answer_drug_and_kind(tmp_path: Path) -> None:
    found = read(workbook(tmp_path, [*rows(), (" Why? ", "  Some\n DRUG ", None, " So. ", None, None)]))
    document = {"id": "pair-81", "drug": "some drug", "kind": None, "question": "Why?", "answer": "So."}
    assert document in everything(found)


def test_no_drug_is_on_both_sides_and_short_answers_come_first(tmp_path: Path) -> None:
    body = [(*row[:3], "word " * (60 if n % 2 else 10) + str(n), *row[4:]) for n, row in enumerate(rows(100))]
    found = read(workbook(tmp_path, body))
    test, pool = ({d["drug"] for d in found.splits[name]} for name in ("test", "fewshot"))
    assert not test & pool
    assert len(pool) == 5
    lengths = [len(document["answer"].split()) for document in found.splits["fewshot"]]
    assert lengths == sorted(lengths)
    check_splits(Splits(*(Documents(found.splits[n]) for n in ("test", "fewshot"))), SPEC.metadata, "medication_qa")


def test_examples_of_5_to_40_words_come_first_and_else_the_order_is_that_of_the_workbook(tmp_path: Path) -> None:
    lengths = (41, 4, 40, 5, 20, 1)
    body = [
        (f"q {drug} {length}?", f"Drug {drug}", "Use", f"{drug} " + "word " * (length - 1), "s", "u")
        for drug in range(30)
        for length in lengths
    ]
    pool = read(workbook(tmp_path, body)).splits["fewshot"]
    place = {question: number for number, (question, *_) in enumerate(body)}
    found = [(len(document["answer"].split()), place[document["question"]]) for document in pool]
    assert [length for length, _ in found] == [40, 5, 20] * 4 + [41, 4, 1] * 4
    for part in (found[:12], found[12:]):
        assert [row for _, row in part] == sorted(row for _, row in part)


def test_pairs_that_repeat_or_say_nothing_are_rejected(tmp_path: Path) -> None:
    body = [
        *rewritten(),
        {"question": f"{CANARY} QUESTION 3 ??", "answer": f"take 3 {CANARY}"},
        {"question": f"{CANARY} question 3?", "answer": "another"},
        {"question": "q", "answer": "--"},
        {"question": "q"},
        [1],
    ]
    found = read(pairs(tmp_path, body))
    assert [(row.row, row.reason) for row in found.rejected] == [
        (44, "no text in 'answer'"),
        (45, "not a JSON object"),
        (41, "a pair that was there before"),
        (43, "an answer without a word"),
    ]
    same = {d["drug"] for d in everything(found) if d["question"] == f"{CANARY} question 3?"}
    assert len(same) == 1, "a question with two answers is one cluster"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda tmp: workbook(tmp, rows(), sheet="Other"), "no sheet 'DrugQA'"),
        (lambda tmp: workbook(tmp, rows(), header=("Question", "Focus", *HEADER[2:])), "missing column 'Focus (Drug)'"),
        (lambda tmp: tmp, "Is a directory"),
        (lambda tmp: Path(tmp / "pairs.csv"), "No such file"),
    ],
)
def test_another_file_is_refused_without_its_text(tmp_path: Path, make: Any, told: str) -> None:
    with pytest.raises(DataError) as caught:
        read(make(tmp_path))
    assert told in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(("name", "told"), [("p.csv", "neither .xlsx nor .jsonl"), ("p.xlsx", "not an Excel workbook")])
def test_what_is_neither_is_refused(tmp_path: Path, name: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(CANARY)
    with pytest.raises(DataError) as caught:
        read(path)
    assert told in str(caught.value)
    assert CANARY not in str(caught.value)
