"""MedNLI: labels, the balance of the open variant, and what the importer makes of MedNLI's own files."""

import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.data.importing import import_task
from clueplus.errors import DataError
from clueplus.registry import Catalog
from tests.support.task_variants import imported, load_variant
from tests.tasks.test_scoring import means, numbers, oracle

NLI = ["entailment", "neutral", "contradiction"]
BINARY = ["True", "False"]
CANARY = "CANARY5512"


def document(answer: str, labels: list[str]) -> dict[str, Any]:
    return {"premise": "p", "hypothesis": "h", "labels": labels, "answer": answer}


def accuracy(answer: str, gold: str) -> tuple[float, float]:
    found = load_variant("mednli", "sample").score(document(gold, BINARY if gold in BINARY else NLI), answer)
    return found["accuracy"], found["unscorable"]


@pytest.mark.parametrize("variant", ["sample", "open"])
def test_gold_labels_score_1_and_wrong_ones_0(variant: Any, data_mirror: Path) -> None:
    task = load_variant("mednli", variant, data_mirror)
    assert means(task, oracle(task)) == {"score": 1, "accuracy": 1, "unscorable": 0}
    labels = task.splits.test[0]["labels"]
    wrong = [labels[(labels.index(gold) + 1) % len(labels)] for gold in oracle(task)]
    assert means(task, wrong) == {"score": 0, "accuracy": 0, "unscorable": 0}
    half = [gold if n % 2 else other for n, (gold, other) in enumerate(zip(oracle(task), wrong, strict=True))]
    assert means(task, half)["score"] == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("Entailment.", "entailment", (1, 0)),
        ("The answer is neutral.", "neutral", (1, 0)),
        ("not entailment", "entailment", (0, 1)),
        ("not entailment", "neutral", (0, 1)),
        ("entailment, neutral or contradiction", "neutral", (0, 1)),
        ("maybe", "neutral", (0, 1)),
        ("True", "entailment", (0, 1)),
        ("true", "True", (1, 0)),
        ("**False**", "False", (1, 0)),
        ("False, because it is not said.", "False", (1, 0)),
        ("Not true", "False", (1, 0)),
        ("entailment", "True", (1, 0)),
        ("not entailment", "False", (1, 0)),
        ("Neutral", "False", (1, 0)),
        ("contradiction", "True", (0, 0)),
        ("True or False", "True", (0, 1)),
    ],
)
def test_an_answer_is_read_as_one_label_of_the_document_or_none(
    answer: str, gold: str, expected: tuple[float, float]
) -> None:
    assert accuracy(answer, gold) == expected


@settings(deadline=None)
@given(data=st.data(), gold=st.sampled_from(NLI + BINARY))
def test_any_answer_has_numbers_between_0_and_1(data: st.DataObject, gold: str) -> None:
    pieces = st.text(st.characters(), max_size=20) | st.sampled_from([*NLI, *BINARY, "not ", "\n", ", "])
    answer = "".join(data.draw(st.lists(pieces, max_size=6)))
    labels = BINARY if gold in BINARY else NLI
    found = load_variant("mednli", "sample").score(document(gold, labels), answer)
    assert all(type(number) is float and 0 <= number <= 1 for number in numbers(found))


def test_the_prompt_names_the_labels_of_the_variant(data_mirror: Path) -> None:
    for variant, shown, hidden in (("sample", NLI, BINARY), ("open", BINARY, NLI)):
        task = load_variant("mednli", variant, data_mirror)  # type: ignore[arg-type]
        prompt = task.prompt(task.splits.test[0], "chat")
        assert isinstance(prompt, list)
        question = prompt[-1]["content"]
        assert all(label in question for label in shown)
        assert not any(label in question for label in hidden)
        assert question.endswith("Answer:")
        answers = [message["content"] for message in prompt if message["role"] == "assistant"]
        assert len(answers) == 3
        assert set(answers) == set(shown)


def test_each_sample_sentence_has_one_statement_of_each_label() -> None:
    labels: dict[str, list[str]] = {}
    for row in load_variant("mednli", "sample").splits.test:
        labels.setdefault(row["premise"], []).append(row["answer"])
    assert {tuple(sorted(found)) for found in labels.values()} == {tuple(sorted(NLI))}


def test_every_statement_of_the_open_test_set_is_as_often_true_as_false(data_mirror: Path) -> None:
    test = load_variant("mednli", "open", data_mirror).splits.test
    assert len(test) == 364
    held = Counter((row["hypothesis"], row["answer"]) for row in test)
    assert all(held[statement, "True"] == held[statement, "False"] for statement, _ in held)
    assert len({(row["premise"], row["hypothesis"]) for row in test}) == len(test)


def test_every_true_row_of_the_upstream_test_split_is_asked(data_mirror: Path) -> None:
    import csv

    with (data_mirror / "sdoh_nli" / "sdoh_nli_test.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "True"]
    expected = {(" ".join(row["premise"].split()), row["hypothesis"]) for row in rows}
    test = load_variant("mednli", "open", data_mirror).splits.test
    assert {(row["premise"], row["hypothesis"]) for row in test if row["answer"] == "True"} == expected


def test_always_one_label_and_the_statement_alone_score_a_half_on_the_open_set(data_mirror: Path) -> None:
    task = load_variant("mednli", "open", data_mirror)
    assert means(task, ["False"] * 364)["score"] == 0.5
    frequent = {"The person is currently not a smoker.", "The person currently does not drink alcohol."}
    by_statement = [str(row["hypothesis"] in frequent) for row in task.splits.test]
    assert means(task, by_statement)["score"] == 0.5


def test_whether_the_topic_is_named_at_all_does_not_decide_the_open_set(data_mirror: Path) -> None:
    """On all rows of the split, this rule has 91% balanced accuracy: most False rows are of another topic."""
    task = load_variant("mednli", "open", data_mirror)
    words = {
        "smok": "smok|tobacco|cigar|pack",
        "alcohol": "alcohol|drink|beer|wine|etoh",
        "drug": "drug|cocaine|illicit",
    }
    rows = [d for d in task.splits.test if any(topic in d["hypothesis"] for topic in words)]
    named = [
        any(topic in d["hypothesis"] and re.search(found, d["premise"].lower()) for topic, found in words.items())
        for d in rows
    ]
    false = [said for said, d in zip(named, rows, strict=True) if d["answer"] == "False"]
    assert sum(false) / len(false) > 0.5


def test_no_sentence_of_the_open_pool_is_in_the_test_set(data_mirror: Path) -> None:
    splits = load_variant("mednli", "open", data_mirror).splits
    test, pool = ({" ".join(d["premise"].lower().split()) for d in part} for part in (splits.test, splits.fewshot))
    assert not test & pool
    assert len(splits.fewshot) == 1999


def row(premise: object, statement: object, label: object) -> dict[str, object]:
    """A row with every field that upstream has."""
    parses = {f"sentence{n}_{kind}": "( x )" for n in (1, 2) for kind in ("parse", "binary_parse")}
    return {"gold_label": label, "pairID": "x", "sentence1": premise, "sentence2": statement, **parses}


def mednli(folder: Path, **changed: list[str]) -> Path:
    """The three files, three statements a sentence; `changed` replaces the lines of one."""
    folder.mkdir()
    for part, premises in (("test", 4), ("train", 6), ("dev", 2)):
        lines = [
            json.dumps(
                row(f"{CANARY} sentence {n} of {part} about a patient who was seen today. ", f"{label} {n}", label)
            )
            for n in range(premises)
            for label in NLI
        ]
        (folder / f"mli_{part}_v1.jsonl").write_text("\n".join(changed.get(part, lines)) + "\n", encoding="utf-8")
    return folder


def test_files_as_upstream_has_them_become_the_official_variant(tmp_path: Path) -> None:
    task, rejected = imported("mednli", mednli(tmp_path / "held"), tmp_path / "data")
    assert rejected == []
    assert (len(task.splits.test), len(task.splits.fewshot)) == (12, 24)
    assert means(task, oracle(task))["score"] == 1
    assert [d["answer"] for d in task.splits.fewshot[:3]] == NLI
    assert len({d["premise"] for d in task.splits.fewshot[:3]}) == 3
    assert set(task.sources) == {"mli_test_v1.jsonl", "mli_train_v1.jsonl", "mli_dev_v1.jsonl"}
    assert task.splits.test[0]["labels"] == NLI
    premises = [d["premise"] for d in task.splits.test]
    assert sum(a != b for a, b in pairwise(premises)) == 3, "statements of a sentence together"


def test_one_of_the_files_stands_for_its_folder(tmp_path: Path) -> None:
    folder = mednli(tmp_path / "held")
    assert len(imported("mednli", folder / "mli_test_v1.jsonl", tmp_path / "data")[0].splits.test) == 12


def test_broken_rows_are_left_out_by_number_and_reason(tmp_path: Path) -> None:
    lines = [
        json.dumps(row("a sentence", "a statement", "entailment")),
        "{broken",
        json.dumps(["a", "list"]),
        "",
        json.dumps(row("", "a statement", "neutral")),
        json.dumps(row("a sentence", 7, "neutral")),
        json.dumps(row("a sentence", "a statement", "-")),
        json.dumps({"sentence1": "a sentence", "sentence2": CANARY}),
        json.dumps(row("a\u2028sentence", "another statement", "neutral"), ensure_ascii=False),
    ]
    task, rejected = imported("mednli", mednli(tmp_path / "held", test=lines), tmp_path / "data")
    assert [d["id"] for d in sorted(task.splits.test, key=lambda d: str(d["id"]))] == ["test-1", "test-9"]
    assert [(r.row, r.reason) for r in rejected] == [
        (2, "not a JSON object"),
        (3, "not a JSON object"),
        (5, "no sentence1"),
        (6, "no sentence2"),
        (7, "gold_label is not one of the three labels"),
        (8, "no gold_label"),
    ]
    assert {r.file for r in rejected} == {"mli_test_v1.jsonl"}


def test_examples_with_a_sentence_of_the_test_set_are_left_out(tmp_path: Path) -> None:
    known = json.dumps(row(f"{CANARY}  SENTENCE 0 of test about a patient who was seen today.", "x", "neutral"))
    other = [json.dumps(row("a sentence of its own", label, label)) for label in NLI]
    task, rejected = imported("mednli", mednli(tmp_path / "held", dev=[*other, known]), tmp_path / "data")
    assert [tuple(r) for r in rejected] == [("mli_dev_v1.jsonl", 4, "the premise is also in the test set")]
    assert len(task.splits.fewshot) == 21


@pytest.mark.parametrize(
    ("part", "lines", "told"),
    [
        ("test", [json.dumps({"premise": CANARY})], "no column sentence1, sentence2, gold_label"),
        ("test", ["no json"], "the test split is empty"),
        ("dev", None, "mli_dev_v1.jsonl: No such file"),
        ("train", b"\xff\xfe", "not UTF-8"),
    ],
)
def test_other_files_are_refused_without_their_text(tmp_path: Path, part: str, lines: Any, told: str) -> None:
    folder = mednli(tmp_path / "held")
    file = folder / f"mli_{part}_v1.jsonl"
    file.unlink()
    if isinstance(lines, bytes):
        file.write_bytes(lines)
    elif lines is not None:
        file.write_text("\n".join(lines))
    with pytest.raises(DataError, match=told) as caught:
        import_task(Catalog().task("mednli"), folder, tmp_path / "data")
    assert CANARY not in str(caught.value)
    assert not (tmp_path / "data").exists()
