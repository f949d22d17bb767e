"""ProbSum: its importer on files of the upstream layout, and its scores."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.imports import CANARY, imported, refused
from tests.support.task_scores import load

TEST, TRAIN = "BioNLP2023-1A-Test.csv", "BioNLP2023-1A-Train.csv"
HEADER = ("Subjectives", "Assessment", "Summary")
Row = Sequence[str]


def note(number: int, words: int = 80, summary: str = "Sepsis; Acute kidney injury;") -> Row:
    return (f"{CANARY} " * (words - 10), f"A {number}-year-old woman with sepsis and {CANARY} {number}.", summary)


def held(
    folder: Path, test: Sequence[Row], train: Sequence[Row], header: Row = HEADER, encoding: str = "utf-8"
) -> Path:
    for name, rows in ((TEST, test), (TRAIN, train)):
        with (folder / name).open("w", newline="", encoding=encoding) as file:
            csv.writer(file).writerows([header, *rows])
    return folder


def test_both_files_become_documents(tmp_path: Path) -> None:
    path = held(tmp_path, [note(n) for n in range(20, 30)], [note(n) for n in range(50, 60)])
    splits, manifest, rejected = imported("pls", path, tmp_path / "data")
    assert (len(splits.test), len(splits.fewshot), rejected) == (10, 10, [])
    assert {document["id"] for document in splits.test} == {f"BioNLP2023-1A-Test-{n}" for n in range(1, 11)}
    assert {document["summary"] for document in splits.test} == {"Sepsis; Acute kidney injury"}
    assert set(manifest.sources) == {TEST, TRAIN}


def test_other_columns_and_another_order_do_not_matter(tmp_path: Path) -> None:
    header = ("File ID", "Summary", "Assessment", "Subjectives", "Objective")
    rows = [("1", "Sepsis", f"assessment {n}", "", "x") for n in range(3)]
    more = [("1", "Sepsis", f"assessment {n}", "said\r\nthis ", "x") for n in range(3, 6)]
    splits, _, _ = imported("pls", held(tmp_path, rows, more, header), tmp_path / "data")
    assert [document["subjectives"] for document in splits.test] == [""] * 3
    assert splits.fewshot[0]["subjectives"] == "said\nthis"


def test_rows_without_what_a_document_needs_are_rejected_by_number(tmp_path: Path) -> None:
    test = [note(20), ("s", " ", "Sepsis"), ("s", f"{CANARY} a", " ; ;"), ("only two", CANARY)]
    splits, manifest, rejected = imported("pls", held(tmp_path, test, [note(50)]), tmp_path / "data")
    assert len(splits.test) == 1
    assert [tuple(row) for row in rejected] == [
        (TEST, 2, "no assessment"),
        (TEST, 3, "no summary"),
        (TEST, 4, "another number of cells than the header"),
    ]
    assert sum(manifest.rejected.values()) == 3


def test_a_training_note_that_is_also_tested_shows_no_model_the_answer(tmp_path: Path) -> None:
    again = (note(20)[0], note(20)[1].upper().replace(" ", "  "), "Sepsis")
    splits, _, rejected = imported("pls", held(tmp_path, [note(20)], [again, note(50)]), tmp_path / "data")
    assert len(splits.fewshot) == 1
    assert rejected == [(TRAIN, 1, "its assessment is that of a test note")]


def test_the_shots_are_notes_of_ordinary_length_with_several_problems(tmp_path: Path) -> None:
    train = [note(50, 900), note(51, summary="Sepsis"), note(52), note(53), note(54, 20), note(55)]
    splits, _, _ = imported("pls", held(tmp_path, [note(20)], train), tmp_path / "data")
    assert [document["id"].rpartition("-")[2] for document in splits.fewshot[:3]] == ["3", "4", "6"]


def test_files_of_another_shape_are_refused_without_their_text(tmp_path: Path) -> None:
    data = tmp_path / "data"
    refused("pls", held(tmp_path, [note(20)], [note(50)], (CANARY, "Assessment", "Summary")), data, "no column Subj")
    (tmp_path / TEST).write_bytes(b"Subjectives,Assessment,Summary\na,b,c\n\xff" + CANARY.encode())
    refused("pls", tmp_path, data, "not UTF-8 after row")
    (tmp_path / TEST).unlink()
    refused("pls", tmp_path, data, f"no {TEST} in")
    refused("pls", tmp_path / TRAIN, data, f"no {TEST} in")


def test_an_empty_test_file_is_refused(tmp_path: Path) -> None:
    refused("pls", held(tmp_path, [], [note(50)]), tmp_path / "data", "the test split is empty")


def test_a_note_without_a_subjective_part_has_no_empty_heading() -> None:
    task = load("pls")
    (document,) = (document for document in task.splits.test if not document["subjectives"])
    assert "Subjective:" not in str(task.prompt(document, "chat")[-1])
    assert "Subjective:" in str(task.prompt(task.splits.test[0], "chat")[-1])


@pytest.mark.parametrize("form", ["{}.", "- {}", "1. {}"])
def test_the_form_of_a_list_hardly_matters(form: str) -> None:
    task = load("pls")
    for document in task.splits.test:
        answer = "\n".join(form.format(problem) for problem in document["summary"].split("; "))
        assert task.score(document, answer)["rouge_l"] >= 0.7
