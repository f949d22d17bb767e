"""Each task scores gold answers 1.0 and broken ones as much lower as they are broken; no answer raises."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.data import Library
from clueplus.evaluation.task import LoadedTask, load_tasks
from clueplus.metrics import bertscore
from clueplus.registry import Catalog
from tests.metrics.test_bertscore import forget, needs_torch, one_thread
from tests.support.tiny_encoder import build_tiny_bert

TEXT_TASKS = ["aci_bench", "meqsum"]
LABEL_TASKS = ["icd10cm", "medec"]
NEXT_LETTER = dict(zip("ABCD", "BCDA", strict=True))

Document = Mapping[str, Any]


@cache
def load(name: str, mirror: Path | None) -> LoadedTask:
    catalog = Catalog()
    library = Library(Path(__file__).parent / "no data here", mirror)
    return load_tasks([catalog.task(name)], catalog, "official" if mirror else "sample", library)[0]


@pytest.fixture(autouse=True)
def no_bertscore(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in (bertscore.MODEL_VARIABLE, bertscore.LAYER_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    forget()
    yield
    forget()


@pytest.fixture(params=["sample", "official"])
def mirror(request: pytest.FixtureRequest) -> Path | None:
    """Each test runs on the shipped samples, and on the official data where there is a copy."""
    found: Path | None = request.getfixturevalue("data_mirror") if request.param == "official" else None
    return found


def oracle(task: LoadedTask) -> list[str]:
    return [task.target(document) for document in task.splits.test]


def corrupted(task: LoadedTask) -> list[str]:
    """Texts of the next document; the next letter; another sentence, or one where there is no error."""
    targets = oracle(task)
    if task.name in TEXT_TASKS:
        return targets[1:] + targets[:1]
    return [NEXT_LETTER.get(target) or str(int(target) + 1) for target in targets]


def half_corrupted(task: LoadedTask) -> list[str]:
    return [
        broken if n % 2 else gold for n, (gold, broken) in enumerate(zip(oracle(task), corrupted(task), strict=True))
    ]


def means(task: LoadedTask, answers: Sequence[str]) -> dict[str, float]:
    """Each number of the task over all its documents, with the task's own aggregations."""
    results = [task.score(document, text) for document, text in zip(task.splits.test, answers, strict=True)]
    names = dict.fromkeys(name for result in results for name in result)
    return {name: float(task.aggregate(name)([r[name] for r in results if name in r])) for name in names}


@pytest.mark.parametrize("name", [*TEXT_TASKS, *LABEL_TASKS])
def test_the_oracle_scores_1_on_everything(name: str, mirror: Path | None) -> None:
    task = load(name, mirror)
    found = means(task, oracle(task))
    assert found.pop("unscorable") == 0
    score = found.pop("score")
    # Without a model there is no BERTScore, and without one of its components no column.
    assert math.isnan(score) if name == "meqsum" else score == 1
    assert set(found) == {*task.spec.metadata.components, *task.spec.metadata.beside} - {"bertscore_f1"}
    assert set(found.values()) == {1.0}


@needs_torch
def test_the_oracle_of_meqsum_scores_1_with_an_encoder(
    mirror: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = load("meqsum", mirror)
    with one_thread():
        monkeypatch.setenv(bertscore.MODEL_VARIABLE, str(build_tiny_bert(tmp_path)))
        bertscore.prepare(oracle(task), oracle(task))
        found = means(task, oracle(task))
    assert found["bertscore_f1"] == pytest.approx(1, abs=1e-5)
    assert found["score"] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", TEXT_TASKS)
def test_texts_of_another_document_score_low_and_half_of_them_between(name: str, mirror: Path | None) -> None:
    task = load(name, mirror)
    broken, half = means(task, corrupted(task)), means(task, half_corrupted(task))
    assert broken.pop("unscorable") == 0
    for measure in set(broken) - {"score"}:
        assert broken[measure] < 0.6
        assert broken[measure] + 0.1 < half[measure] < 0.9


@pytest.mark.parametrize(
    ("name", "field"), [("aci_bench", "note"), ("meqsum", "summary"), ("pls", "summary"), ("medisumqa", "answer")]
)
def test_text_tasks_report_the_f1_of_rouge_1_2_and_l(name: str, field: str) -> None:
    # Shared: 4 of 4 and 6 words; 2 of 3 and 5 word pairs; a longest common subsequence of 2 words.
    found = load(name, None).score({field: "a b x y z w"}, "x y a b")
    assert [found[f"rouge_{kind}"] for kind in "12l"] == pytest.approx([0.8, 0.5, 0.4], abs=1e-12)
    assert found["score"]["rouge_1"] == found["rouge_1"]


@pytest.mark.parametrize("name", LABEL_TASKS)
def test_every_label_changed_scores_0(name: str, mirror: Path | None) -> None:
    task = load(name, mirror)
    found = means(task, corrupted(task))
    assert {found[component] for component in (*task.spec.metadata.components, "score")} == {0.0}
    assert found["unscorable"] == 0


@pytest.mark.parametrize("answers", [half_corrupted, lambda task: ["A"] * len(task.splits.test)])
def test_the_score_of_icd10cm_is_the_mean_of_its_levels(
    answers: Callable[[LoadedTask], list[str]], mirror: Path | None
) -> None:
    task = load("icd10cm", mirror)
    given_answers = answers(task)
    expected = {}
    for level in ("easy", "medium", "hard"):
        pairs = [(d["answer"], a) for d, a in zip(task.splits.test, given_answers, strict=True) if d["level"] == level]
        expected[f"accuracy_{level}"] = sum(gold == answer for gold, answer in pairs) / len(pairs)
    assert 0 < sum(expected.values()) < 3
    found = means(task, given_answers)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert found["score"] == pytest.approx(sum(expected.values()) / 3, abs=1e-12)


@pytest.mark.parametrize("answers", [half_corrupted, lambda task: oracle(task)[1:] + oracle(task)[:1]])
def test_the_score_of_medec_is_its_accuracy(answers: Callable[[LoadedTask], list[str]], mirror: Path | None) -> None:
    task = load("medec", mirror)
    pairs = list(zip(oracle(task), answers(task), strict=True))
    wrong_notes = [pair for pair in pairs if pair[0] != "-1"]
    found = means(task, answers(task))
    accuracy = sum(gold == answer for gold, answer in pairs) / len(pairs)
    assert 0 < accuracy < 1
    assert found["score"] == found["accuracy"] == pytest.approx(accuracy, abs=1e-12)
    assert found["flag_accuracy"] == pytest.approx(
        sum((gold == "-1") == (answer == "-1") for gold, answer in pairs) / len(pairs), abs=1e-12
    )
    assert found["error_note_accuracy"] == pytest.approx(
        sum(gold == answer for gold, answer in wrong_notes) / len(wrong_notes), abs=1e-12
    )


@pytest.mark.parametrize("empty", ["", " \n"])
@pytest.mark.parametrize("name", [*TEXT_TASKS, *LABEL_TASKS])
def test_empty_answers_are_unscorable_and_score_0(name: str, empty: str, mirror: Path | None) -> None:
    task = load(name, mirror)
    found = means(task, [empty] * len(task.splits.test))
    assert found.pop("unscorable") == 1
    assert {value for value in found.values() if not math.isnan(value)} == {0.0}


@pytest.mark.parametrize(
    ("truth", "answer", "accuracy", "flag", "on_error"),
    [
        (3, "3", 1, 1, 1),
        (3, "4", 0, 1, 0),
        (3, "-1", 0, 0, 0),
        (3, "no idea", 0, 0, 0),
        (0, "0", 1, 1, 1),
        (-1, "-1", 1, 1, None),
        (-1, "0", 0, 0, None),
        (-1, "no idea", 0, 0, None),
    ],
)
def test_medec_counts_the_sentence_and_beside_it_whether_there_is_an_error(
    truth: int, answer: str, accuracy: float, flag: float, on_error: float | None
) -> None:
    found = load("medec", None).score({"error_id": truth}, answer)
    assert found["score"] == {"accuracy": accuracy}
    assert (found["accuracy"], found["flag_accuracy"], found.get("error_note_accuracy")) == (accuracy, flag, on_error)
    assert found["unscorable"] == (answer == "no idea")


def test_no_error_everywhere_is_right_on_286_of_the_597_official_medec_notes(data_mirror: Path) -> None:
    found = means(load("medec", data_mirror), ["-1"] * 597)
    assert found == {
        "score": 286 / 597,
        "accuracy": 286 / 597,
        "flag_accuracy": 286 / 597,
        "error_note_accuracy": 0.0,
        "unscorable": 0.0,
    }


def test_an_answer_of_icd10cm_counts_at_its_level_only() -> None:
    document = {"level": "medium", "options": ["x", "y", "z", "u"], "answer": "C"}
    assert load("icd10cm", None).score(document, "(C)") == {
        "score": {"accuracy_easy": None, "accuracy_medium": 1.0, "accuracy_hard": None},
        "accuracy_medium": 1.0,
        "unscorable": 0.0,
    }


def numbers(result: Mapping[str, Any]) -> list[float]:
    return [v for k, v in result.items() if k != "score"] + [v for v in result["score"].values() if v is not None]


@pytest.mark.parametrize("name", [*TEXT_TASKS, *LABEL_TASKS])
@settings(deadline=None)
@given(data=st.data())
def test_any_answer_has_numbers_between_0_and_1(name: str, data: st.DataObject) -> None:
    task = load(name, None)
    document = data.draw(st.sampled_from(task.splits.test))
    pieces = st.text(st.characters(), max_size=20) | st.sampled_from([*"ABCD", "-1", "0", " ", task.target(document)])
    found = task.score(document, "".join(data.draw(st.lists(pieces, max_size=6))))
    assert all(type(number) is float and 0 <= number <= 1 for number in numbers(found))
    assert set(found["score"]) == set(task.spec.metadata.components)


@pytest.mark.parametrize("level", ["easy", "medium", "hard"])
def test_the_text_of_the_right_option_is_as_good_as_its_letter(level: str, mirror: Path | None) -> None:
    task = load("icd10cm", mirror)
    for document in task.splits.test:
        if document["level"] == level:
            text = document["options"]["ABCD".index(document["answer"])]
            for answer in (text, f"{document['answer']}. {text}", f"The definition is: {text.lower()}."):
                assert task.score(document, answer)[f"accuracy_{level}"] == 1, answer


def test_the_number_of_a_sentence_may_be_followed_by_the_sentence(mirror: Path | None) -> None:
    task = load("medec", mirror)
    for document in task.splits.test:
        for number, sentence in enumerate(document["sentences"]):
            found = task.score(document, f"{number} {sentence}")
            assert found["accuracy"] == (number == document["error_id"]), (number, sentence)
            assert not found["unscorable"]
