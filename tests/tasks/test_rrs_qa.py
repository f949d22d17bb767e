"""RRS QA: how answers are scored, and what the importer makes of given pairs and of reports."""

import json
from pathlib import Path
from typing import Any

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
SPEC = Catalog().task("rrs_qa")
read = import_module(SPEC.folder / "importer.py").read


def given_pairs(count: int = 40) -> list[dict[str, Any]]:
    return [
        {
            "study_id": 1000 + n,
            "findings": f"{CANARY} findings {n}. The heart is enlarged.",
            "impression": f"1. {CANARY} mild cardiomegaly {n}. 2. No effusion.",
            "question": f"How large is the heart {k}?",
            "answer": f"{CANARY} mild cardiomegaly {n}",
        }
        for n in range(count)
        for k in range(2)
    ]


def report(number: int, findings: str, impression: str) -> dict[str, Any]:
    return {
        "study_id": str(number),
        "subject_id": "",
        "findings": findings,
        "impression": impression,
        "background": "Indication: cough",
    }


def reports(count: int = 40) -> list[dict[str, Any]]:
    return [
        report(
            n, f"The heart is enlarged, case {n}. No pleural effusion.", f"1. Mild cardiomegaly in {n}. 2. No effusion."
        )
        for n in range(count)
    ]


def imported(tmp_path: Path, body: list[Any], name: str) -> Imported:
    path = tmp_path / name
    path.write_text(json.dumps(body) if name.endswith(".json") else "".join(json.dumps(row) + "\n" for row in body))
    found: Imported = read(path)
    return found


def derived(tmp_path: Path, findings: str, impression: str) -> dict[str, str]:
    """The answers that the rules make of one report, by observation."""
    found = imported(tmp_path, [report(1, findings, impression)], "indiana_dev.json")
    return {d["kind"]: d["answer"] for split in found.splits.values() for d in split}


def test_the_oracle_scores_1_and_answers_of_others_little() -> None:
    task = load("rrs_qa", None)
    gold = oracle(task)
    found = means(task, gold)
    assert found.pop("unscorable") == 0
    assert set(found.values()) == {1.0}
    assert set(found) == {"score", *task.spec.metadata.components, *task.spec.metadata.beside}
    broken = gold[1:] + gold[:1]
    half = [b if n % 2 else g for n, (g, b) in enumerate(zip(gold, broken, strict=True))]
    for measure in ("score", "exact_match", "observation_f1"):
        assert means(task, broken)[measure] < 0.3
        assert means(task, broken)[measure] + 0.1 < means(task, half)[measure] < 0.9


def test_rouge_1_exact_match_and_observations_of_one_answer() -> None:
    task = load("rrs_qa", None)
    found = task.score({"answer": "Small left pleural effusion"}, "the left pleural effusion is small")
    assert found["rouge_1"] == pytest.approx(2 * 4 / 10)
    assert (found["exact_match"], found["observation_f1"]) == (0, 1)
    assert task.score({"answer": "Small left pleural effusion."}, "small left pleural effusion")["exact_match"] == 1
    assert task.score({"answer": "Small effusion"}, "Pneumothorax")["observation_f1"] == 0
    assert "observation_f1" not in task.score({"answer": "in six weeks"}, "six weeks"), "neither names an observation"


@pytest.mark.parametrize("empty", ["", " \n"])
def test_an_empty_answer_is_unscorable(empty: str) -> None:
    found = load("rrs_qa", None).score({"answer": "effusion"}, empty)
    assert (found["rouge_1"], found["exact_match"], found["observation_f1"], found["unscorable"]) == (0, 0, 0, 1)


@settings(deadline=None)
@given(answer=st.text(st.characters(), max_size=60), index=st.integers(0, 14))
def test_any_answer_has_numbers_between_0_and_1(answer: str, index: int) -> None:
    task = load("rrs_qa", None)
    document = task.splits.test[index]
    for text in (answer, answer + document["answer"]):
        assert all(type(number) is float and 0 <= number <= 1 for number in numbers(task.score(document, text)))


def test_the_prompt_shows_three_studies_and_not_the_answer() -> None:
    task = load("rrs_qa", None)
    assert len({document["study"] for document in task.splits.fewshot[:3]}) == 3
    for document in task.splits.test:
        prompt = task.prompt(document, "chat")
        assert isinstance(prompt, list)
        assert [message["role"] for message in prompt] == ["user", "assistant"] * 3 + ["user"]
        assert prompt[-1]["content"].endswith("Answer:")
        assert prompt == task.prompt({**document, "answer": "X", "study": "X", "kind": "X"}, "chat")


def test_given_pairs_are_the_official_variant(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in given_pairs()))
    manifest, rejected = import_task(SPEC, path, tmp_path / "data")
    assert (manifest.variant, manifest.splits, rejected) == ("official", {"test": 72, "fewshot": 8}, [])
    splits = load_splits(SPEC, "official", Library(tmp_path / "data"))
    assert not {d["study"] for d in splits.test} & {d["study"] for d in splits.fewshot}
    assert len({d["study"] for d in splits.fewshot[:3]}) == 3


def test_the_first_pairs_of_short_reports_are_the_first_examples(tmp_path: Path) -> None:
    lengths = (14, 15, 60, 61)
    body = [
        {**pair, "findings": f"n{place // 2} " + "word " * (lengths[place // 2 % 4] - 1)}
        for place, pair in enumerate(given_pairs(160))
    ]
    pool = imported(tmp_path, body, "pairs.jsonl").splits["fewshot"]
    first = {pair["study_id"]: pair["question"] for pair in reversed(body)}
    order = [
        (d["question"] != first[int(d["study"])], not 15 <= len(d["findings"].split()) <= 60, int(d["id"][7:]))
        for d in pool
    ]
    assert len(order) == 16
    assert len({key[:2] for key in order}) == 4, "first and second pairs, of short and of other reports"
    assert order == sorted(order)
    assert {len(d["findings"].split()) for d in pool} == set(lengths)


def test_reports_are_the_open_variant(tmp_path: Path) -> None:
    path = tmp_path / "indiana_dev.json"
    path.write_text(json.dumps(reports()))
    manifest, rejected = import_task(SPEC, path, tmp_path / "data")
    assert (manifest.variant, manifest.splits, rejected) == ("open", {"test": 72, "fewshot": 8}, [])
    assert manifest.notes == {"rules": "clueplus-rrs-qa-1"}
    document = load_splits(SPEC, "open", Library(tmp_path / "data")).test[0]
    assert document["question"] == "What does the impression say about the heart size?"
    assert document["answer"] == f"Mild cardiomegaly in {document['study']}"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answer": "Mild cardiomegaly"}, "an answer that is not in the impression"),
        ({"answer": ". "}, "an answer without a word"),
        ({"answer": 5}, "no text in 'answer'"),
        ({"impression": ""}, "no text in 'impression'"),
        ({"study_id": None}, "no text in 'study_id'"),
        ({"question": "\ud800"}, "no text in 'question'"),
    ],
)
def test_a_broken_pair_is_rejected_by_number_and_reason(tmp_path: Path, change: Any, reason: str) -> None:
    body = given_pairs()
    body[2].update(change)
    found = imported(tmp_path, body, "pairs.jsonl")
    assert [tuple(row) for row in found.rejected] == [("pairs.jsonl", 3, reason)]
    splits = Splits(*(Documents(found.splits[name]) for name in ("test", "fewshot")))
    check_splits(splits, SPEC.metadata, "rrs_qa")


@pytest.mark.parametrize(
    ("findings", "impression", "expected"),
    [
        ("Heart enlarged. No effusion.", "1. Cardiomegaly. 2. No effusion. .", {"Cardiomegaly", "Pleural Effusion"}),
        ("Clear lungs.", "No acute cardiopulmonary abnormality.", set()),
        ("Heart enlarged.", "Mild cardiomegaly. Cardiomegaly is unchanged.", set()),
        ("Clear lungs.", "Small pneumothorax.", set()),
        ("Heart enlarged.", "____ cardiomegaly.", set()),
        ("Heart enlarged.", "Cardiomegaly " + "and more " * 20, set()),
        ("Nodule of 1.5 cm.", "Nodule of 1.5 cm in the right lung", {"Lung Lesion"}),
        ("Left effusion.", "Pneumonia with effusion", {"Pleural Effusion"}),
    ],
)
def test_rules_ask_where_one_sentence_and_the_findings_name_an_observation(
    tmp_path: Path, findings: str, impression: str, expected: set[str]
) -> None:
    found = derived(tmp_path, findings, impression)
    assert set(found) == expected
    for answer in found.values():
        assert answer in impression
        assert answer[0].isalnum()
        assert not answer.endswith((".", " "))


@settings(deadline=None)
@given(
    impression=st.lists(
        st.sampled_from(["1. ", "No effusion", ". ", "cardiomegaly", "\n", "; ", " ____ ", "Small nodule", ".", "é"]),
        max_size=8,
    )
)
def test_every_answer_of_the_rules_is_a_piece_of_the_impression(
    tmp_path_factory: pytest.TempPathFactory, impression: list[str]
) -> None:
    text = "".join(impression)
    if text.strip():
        folder = tmp_path_factory.getbasetemp()
        found = derived(folder, "Enlarged heart, nodule, no effusion.", text)
        assert all(answer in text and "_" not in answer for answer in found.values())


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", f'{{"x": "{CANARY}"}}', "not a list of reports"),
        ("a.json", f"[{CANARY}", "not JSON"),
        ("a.csv", CANARY, "neither .jsonl nor .json"),
    ],
)
def test_another_file_is_refused_without_its_text(tmp_path: Path, name: str, content: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert told in str(caught.value)
    assert CANARY not in str(caught.value)


def test_reports_of_another_shape_are_rejected_by_number(tmp_path: Path) -> None:
    body = [*reports(), {"findings": "x"}, 5, None]
    found = imported(tmp_path, body, "indiana_dev.json")
    assert [(row.row, row.reason) for row in found.rejected] == [
        (41, "no text in 'study_id'"),
        (42, "not a JSON object"),
        (43, "not a JSON object"),
    ]
