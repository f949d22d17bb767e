"""MeDiSumQA: its importer on the layouts it accepts, and its scores."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.imports import CANARY, imported, refused
from tests.support.task_scores import load

COLUMNS = ("discharge_summary", "Question", "Answer")


def rows(letters: int = 4, questions: int = 3) -> list[dict[str, Any]]:
    """Questions on letters, the last letter being the shortest."""
    return [
        {
            "discharge_summary": f"Letter {letter}. " + f"{CANARY} " * (50 - letter),
            "Question": f"What is {CANARY} {question}?",
            "Answer": f"It is {letter} and {question}.",
            "note_id": f"{letter}-DS-1",
        }
        for letter in range(letters)
        for question in range(questions)
    ]


def held(folder: Path, kind: str, made: list[dict[str, Any]]) -> Path:
    path = folder / f"medisumqa.{kind}"
    if kind == "json":
        path.write_text(json.dumps(made, indent=1))
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made), encoding="utf-8")
    else:
        with gzip.open(path, "wt", newline="") if kind == "csv.gz" else path.open("w", newline="") as file:
            writer = csv.DictWriter(file, [*COLUMNS, "note_id"])
            writer.writeheader()
            writer.writerows(made)
    return path


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "json", "jsonl"])
def test_every_layout_gives_the_same_documents(tmp_path: Path, kind: str) -> None:
    splits, manifest, rejected = imported("medisumqa", held(tmp_path, kind, rows()), tmp_path / "data")
    assert (len(splits.test), len(splits.fewshot), rejected) == (9, 3, [])
    assert splits.test[0]["question"].endswith("?")
    assert set(manifest.sources) == {f"medisumqa.{kind}"}


def test_the_pool_is_the_shortest_letter_and_no_letter_is_on_both_sides(tmp_path: Path) -> None:
    splits, _, _ = imported("medisumqa", held(tmp_path, "jsonl", rows()), tmp_path / "data")
    assert {document["letter"].split(".")[0] for document in splits.fewshot} == {"Letter 3"}
    assert {document["letter"].split(".")[0] for document in splits.test} == {"Letter 0", "Letter 1", "Letter 2"}


def test_questions_on_one_letter_stand_together_and_count_as_one_cluster(tmp_path: Path) -> None:
    made = sorted(rows(), key=lambda row: row["Question"])
    splits, _, _ = imported("medisumqa", held(tmp_path, "csv", made), tmp_path / "data")
    letters = [document["letter_id"] for document in splits.test]
    assert len(set(letters)) == 3
    assert letters == sorted(letters, key=letters.index)


def test_faulty_rows_are_rejected_by_number(tmp_path: Path) -> None:
    made = rows()
    made[1]["Answer"] = "  "
    made[2]["Question"] = None
    made.append(made[0])
    _, manifest, rejected = imported("medisumqa", held(tmp_path, "json", made), tmp_path / "data")
    assert [(row.row, row.reason) for row in rejected] == [
        (2, "no Answer"),
        (3, "no Question"),
        (13, "the same as a row before it"),
    ]
    assert manifest.splits == {"test": 7, "fewshot": 3}


def test_a_letter_with_a_line_separator_is_one_row(tmp_path: Path) -> None:
    made = rows()
    made[0]["discharge_summary"] += "\u2028" + "more"
    splits, _, rejected = imported("medisumqa", held(tmp_path, "jsonl", made), tmp_path / "data")
    assert (len(splits.test), rejected) == (9, [])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (f'{{"Question": "{CANARY}", "Answer": "b"}}\n', "row 1: no column discharge_summary"),
        (f'["{CANARY}"]', "row 1 is no JSON object"),
        (f"{CANARY} is no JSON", "neither CSV, JSON nor JSON Lines"),
        ("[" * 100_000, "neither CSV, JSON nor JSON Lines"),
        ("", "the test split is empty"),
    ],
)
def test_files_of_another_shape_are_refused_without_their_text(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "medisumqa.jsonl"
    path.write_text(content)
    refused("medisumqa", path, tmp_path / "data", told)


def test_a_folder_and_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "held").mkdir()
    refused("medisumqa", tmp_path / "held", tmp_path / "data", "is a folder")
    path = tmp_path / "x.json"
    path.write_bytes(b"\xff\xfe")
    refused("medisumqa", path, tmp_path / "data", "not UTF-8")
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"discharge_summary,Question,Answer\n" + b"a,b,c\n" * 9000)[:-40])
    refused("medisumqa", path, tmp_path / "data", "damaged or not all here")


def test_only_one_file_with_one_letter_is_too_little(tmp_path: Path) -> None:
    refused("medisumqa", held(tmp_path, "csv", rows(letters=1)), tmp_path / "data", "the test split is empty")


def test_the_letter_and_the_question_are_asked_and_the_answer_is_not_shown() -> None:
    task = load("medisumqa")
    for document in task.splits.test:
        turn = str(task.prompt(document, "completions")).rpartition("Below is the letter")[2]
        assert document["letter"] in turn
        assert f"Question: {document['question']}" in turn
        assert document["answer"][:60] not in turn


def test_a_long_letter_is_cut_and_the_question_is_not() -> None:
    task = load("medisumqa")
    document = task.splits.test[0]
    cut = task.cut(document, 500)
    assert cut["question"] == document["question"]
    assert len(cut["letter"]) < len(document["letter"]) - 480
