"""LongHealth: how answers are scored, what a prompt names, and what the importer makes of upstream's layout."""

import copy
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.data import Library
from clueplus.data.documents import Documents, Splits, check_splits, documents_digest
from clueplus.data.importing import Imported, import_task
from clueplus.data.load import import_module, load_splits
from clueplus.errors import DataError
from clueplus.registry import Catalog
from tests.tasks.test_scoring import load, means, numbers, oracle

CANARY = "CANARY7431"
DRAWN = "8ed2388b979946d98e1cd38eb02b6df186bd7a5e6e0dfdafda2d45a04d657120"
FOLDER = Catalog().task("longhealth").folder
read = import_module(FOLDER / "importer.py").read


def question(patient: int, number: int, *places: str) -> dict[str, Any]:
    options = [f"{CANARY} option {letter} {patient} {number}" for letter in "abcde"]
    return {
        "No": number,
        "question": f"{CANARY} question {patient} {number}?",
        **{f"answer_{letter}": text for letter, text in zip("abcde", options, strict=True)},
        "correct": options[(patient + number) % 5],
        "answer_location": {place: {"start": [0.1, 0.5], "end": [0.2, 0.6]} for place in places},
    }


def benchmark() -> dict[str, Any]:
    """Three patients of upstream's layout, with three, four and five texts and two questions each."""
    return {
        f"patient_{n:02d}": {
            "name": f"{CANARY} Name {n}",
            "birthday": f"{n:02d}.01.1950",
            "diagnosis": "Something",
            "texts": {f"text_{k}": f"{CANARY} text {k} of patient {n}.\n\nSecond paragraph." for k in range(n + 2)},
            "questions": [question(n, 0, "text_0"), question(n, 1, "text_0", "text_2")],
        }
        for n in (1, 2, 3)
    }


def imported(tmp_path: Path, data: Any) -> Imported:
    path = tmp_path / "benchmark_v5.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    found: Imported = read(path)
    return found


def own_texts(data: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, str]:
    texts: dict[str, str] = data[item["patient"]]["texts"]
    return texts


def source_question(data: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    return next(q for q in data[item["patient"]]["questions"] if q["question"] == item["question"])


def test_the_oracle_scores_1_and_the_next_letter_0() -> None:
    task = load("longhealth", None)
    found = means(task, oracle(task))
    assert found.pop("unscorable") == 0
    assert set(found.values()) == {1.0}
    assert set(found) == {"score", *task.spec.metadata.components, *task.spec.metadata.beside}
    broken = [dict(zip("ABCDEF", "BCDEAA", strict=True))[letter] for letter in oracle(task)]
    assert means(task, broken)["score"] == 0
    half = [bad if n % 2 else gold for n, (gold, bad) in enumerate(zip(oracle(task), broken, strict=True))]
    assert 0 < means(task, half)["score"] < 1


def test_always_f_is_right_in_task_3_alone_and_unscorable_in_task_1() -> None:
    task = load("longhealth", None)
    found = means(task, ["F"] * len(task.splits.test))
    assert [found[f"accuracy_task{n}"] for n in (1, 2, 3)] == [0, 0, 1]
    assert found["score"] == pytest.approx(1 / 3)
    assert found["unscorable"] == pytest.approx(1 / 3)
    assert found["attempted_task2"] == 0


@pytest.mark.parametrize(
    "pattern", ["{}", "({})", "{}.", "The answer is {}.", "**{}**", "Answer: {}", "Option {} is correct."]
)
def test_a_letter_counts_in_many_forms(pattern: str) -> None:
    task = load("longhealth", None)
    for document in task.splits.test:
        found = task.score(document, pattern.format(document["answer"]))
        assert found[f"accuracy_task{document['task']}"] == 1
        assert not found["unscorable"]


def test_the_text_of_the_right_option_counts_as_its_letter() -> None:
    task = load("longhealth", None)
    for document in task.splits.test:
        text = document["options"]["ABCDEF".index(document["answer"])]
        for answer in (text, f"{document['answer']}. {text}", f"I think it is: {text}"):
            assert task.score(document, answer)[f"accuracy_task{document['task']}"] == 1, answer


@settings(deadline=None)
@given(data=st.data())
def test_any_answer_has_numbers_between_0_and_1(data: st.DataObject) -> None:
    task = load("longhealth", None)
    document = data.draw(st.sampled_from(task.splits.test))
    pieces = st.text(st.characters(), max_size=20) | st.sampled_from([*"ABCDEF", " ", *document["options"]])
    found = task.score(document, "".join(data.draw(st.lists(pieces, max_size=6))))
    assert all(type(number) is float and 0 <= number <= 1 for number in numbers(found))
    assert set(found["score"]) == set(task.spec.metadata.components)


def test_a_prompt_names_f_exactly_where_it_is_an_option_and_has_no_examples() -> None:
    task = load("longhealth", None)
    for document in task.splits.test:
        prompt = task.prompt(document, "chat")
        assert isinstance(prompt, list)
        (message,) = prompt
        text, has_f = message["content"], document["task"] != 1
        assert (("A to F" in text), ("choose F" in text), ("\nF. " in text)) == (has_f,) * 3
        assert ("A to E" in text) == (not has_f)
        assert text.endswith("Letter:")
        assert all(passage in text for passage in (*document["documents"], *document["options"], document["about"]))
        assert task.prompt({**document, "answer": "X"}, "chat") == prompt


def test_a_cut_prompt_keeps_every_document_and_the_question() -> None:
    task = load("longhealth", None)
    document = task.splits.test[0]
    most = task.cuttable(document)
    assert most == sum(map(len, document["documents"]))
    cut = task.cut(document, most // 2)
    assert all("[...]" in text for text in cut["documents"] if len(text) > 300)
    assert sum(len(text.replace("\n[...]\n", "")) for text in cut["documents"]) <= most - most // 2
    prompt = task.prompt(cut, "completions")
    assert isinstance(prompt, str)
    assert prompt.count("\nDocument ") == len(document["documents"])
    assert document["question"] in prompt


def test_every_question_comes_five_times_in_each_task(tmp_path: Path) -> None:
    found = imported(tmp_path, benchmark())
    counts = Counter((item["patient"], item["question"], item["task"]) for item in found.splits["test"])
    assert len(counts) == 3 * 2 * 3
    assert set(counts.values()) == {5}
    assert found.rejected == []
    splits = Splits(*(Documents(found.splits[name]) for name in ("test", "fewshot")))
    check_splits(splits, Catalog().task("longhealth").metadata, "longhealth")


def test_the_tasks_differ_in_whose_documents_are_shown(tmp_path: Path) -> None:
    data = benchmark()
    for item in imported(tmp_path, data).splits["test"]:
        own = set(own_texts(data, item).values())
        shown = item["documents"]
        assert len(shown) == len(set(shown)) == len(own)
        places = source_question(data, item)["answer_location"]
        with_answer = {own_texts(data, item)[place] for place in places}
        assert set(shown) & own == {1: own, 2: with_answer, 3: set()}[item["task"]]


def test_the_gold_letter_is_that_of_the_exact_text_and_f_is_the_last_option(tmp_path: Path) -> None:
    data = benchmark()
    for item in imported(tmp_path, data).splits["test"]:
        source = source_question(data, item)
        assert sorted(item["options"][:5]) == sorted(source[f"answer_{letter}"] for letter in "abcde")
        assert len(item["options"]) == (5 if item["task"] == 1 else 6)
        if item["task"] == 3:
            assert item["answer"] == "F"
        else:
            assert item["options"]["ABCDE".index(item["answer"])] == source["correct"]


def test_an_option_inside_another_is_not_the_gold(tmp_path: Path) -> None:
    data = benchmark()
    row = data["patient_01"]["questions"][0]
    row.update(
        answer_a="5 mg", answer_b="2.5 mg", answer_c="25 mg", answer_d="5 mg twice", answer_e="none", correct="5 mg"
    )
    items = [i for i in imported(tmp_path, data).splits["test"] if i["question"] == row["question"] and i["task"] < 3]
    assert len(items) == 10
    assert all(item["options"]["ABCDE".index(item["answer"])] == "5 mg" for item in items)


def test_repetitions_differ_in_the_order_of_documents_and_options(tmp_path: Path) -> None:
    items = [i for i in imported(tmp_path, benchmark()).splits["test"] if i["patient"] == "patient_03"]
    for field in ("documents", "options"):
        for task in (1, 2, 3):
            assert len({json.dumps(item[field]) for item in items if item["task"] == task}) > 5


def test_the_draws_are_the_same_on_every_machine_and_whatever_the_order_of_the_file(tmp_path: Path) -> None:
    found = imported(tmp_path, benchmark()).splits["test"]
    assert documents_digest(found) == DRAWN
    turned = {name: {**p, "texts": dict(reversed(p["texts"].items()))} for name, p in benchmark().items()}
    assert documents_digest(imported(tmp_path, turned).splits["test"]) == DRAWN


def test_rows_of_the_first_repetition_come_first(tmp_path: Path) -> None:
    items = [i for i in imported(tmp_path, benchmark()).splits["test"] if i["patient"] == "patient_01"]
    assert [item["repetition"] for item in items] == sorted(item["repetition"] for item in items)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"correct": "another text"}, "not exactly one option has the correct text"),
        ({"answer_b": "x", "answer_c": " x ", "correct": "x"}, "not exactly one option has the correct text"),
        ({"answer_e": ""}, "no text in 'answer_e'"),
        ({"question": None}, "no text in 'question'"),
        ({"correct": 3}, "no text in 'correct'"),
    ],
)
def test_a_broken_question_is_rejected_by_number_and_reason(tmp_path: Path, change: Any, reason: str) -> None:
    data = benchmark()
    data["patient_02"]["questions"][1].update(change)
    found = imported(tmp_path, data)
    assert [tuple(row) for row in found.rejected] == [("benchmark_v5.json patient 2", 2, reason)]
    assert len(found.splits["test"]) == 5 * 15


@pytest.mark.parametrize("location", [None, {}, {"text_0": {"start": [], "end": []}}, {"text_9": {"start": [1]}}, []])
def test_a_question_without_a_place_of_its_answer_is_left_out_of_task_2(tmp_path: Path, location: Any) -> None:
    data = benchmark()
    row = data["patient_02"]["questions"][1]
    row["answer_location"] = location
    found = imported(tmp_path, data)
    assert [r.reason for r in found.rejected] == ["no place of the answer: left out of task 2"]
    assert {i["task"] for i in found.splits["test"] if i["question"] == row["question"]} == {1, 3}


def broken(change: Mapping[str, Any]) -> dict[str, Any]:
    data = copy.deepcopy(benchmark())
    data["patient_02"].update(change)
    return data


@pytest.mark.parametrize(
    "data",
    [
        "not json",
        "[]",
        "{}",
        {"patient_01": benchmark()["patient_01"]},
        {**benchmark(), "patient_04": CANARY},
        broken({"texts": {}}),
        broken({"texts": {"text_0": None}}),
        broken({"questions": None}),
        broken({"name": 5}),
        broken({"birthday": "\ud800"}),
    ],
)
def test_a_file_of_another_layout_is_refused_without_its_text(tmp_path: Path, data: Any) -> None:
    with pytest.raises(DataError) as caught:
        imported(tmp_path, data)
    assert CANARY not in str(caught.value)


def test_an_import_is_loaded_as_official_in_a_fair_order(tmp_path: Path) -> None:
    spec = Catalog().task("longhealth")
    path = tmp_path / "benchmark_v5.json"
    path.write_text(json.dumps(benchmark()))
    manifest, rejected = import_task(spec, path, tmp_path / "data")
    assert (manifest.variant, manifest.splits, rejected) == ("official", {"test": 90, "fewshot": 3}, [])
    splits = load_splits(spec, "official", Library(tmp_path / "data"))
    assert len(splits.test) == 90
    assert len({item["patient"] for item in splits.test[:30]}) == 1, "a patient's items stand together"
    assert CANARY not in json.dumps(splits.fewshot)
