"""The scoring version clue-2024 of every task that has it: each difference with both numbers, on the same answers.

docs/scoring.md has the same table, and a test compares the two.
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import pytest

from clueplus.evaluation.parity import MODULE
from clueplus.evaluation.task import LoadedTask, load_tasks
from clueplus.metrics import concepts
from clueplus.metrics.clue2024 import printed
from clueplus.registry import Catalog, Scoring
from tests.support.task_scores import LIBRARY, oracle

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scoring.md"
HAVING = [name for name, spec in Catalog().tasks.items() if "clue-2024" in spec.metadata.scoring]
NLI = ["entailment", "neutral", "contradiction"]
NOTE = "Denies alcohol. Denies drugs, smokes a pack a day."


@cache
def load(name: str, scoring: Scoring) -> LoadedTask:
    catalog = Catalog()
    return load_tasks([catalog.task(name)], catalog, "sample", LIBRARY, scoring)[0]


@pytest.fixture(autouse=True)
def terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A table of terms, so that UMLS F1 is computed."""
    table = tmp_path / "terms.tsv"
    table.write_text("cui\tterm\nC1\tfever\nC2\tcough\n")
    monkeypatch.setenv(concepts.CONCEPTS_VARIABLE, str(table))
    concepts._cache.clear()
    yield
    concepts._cache.clear()


class Case(NamedTuple):
    """A component, its documents and their answers, and its mean by both versions in percent; None is no number."""

    task: str
    component: str
    items: Sequence[tuple[dict[str, Any], str]]
    clue: float | None
    ours: float | None


def nli(gold: str) -> dict[str, Any]:
    return {"premise": "p", "hypothesis": "h", "labels": NLI, "answer": gold}


def stay(*codes: str) -> dict[str, Any]:
    return {"letter": "x", "codes": list(codes)}


def question(*options: str) -> dict[str, Any]:
    return {"task": 1, "options": list(options), "answer": "A"}


def history(*gold: tuple[str, str, int]) -> dict[str, Any]:
    """A note of which `gold` is marked: label, words, and where to look for them from."""
    places = [(NOTE.index(words, start), words, label) for label, words, start in gold]
    return {"note": NOTE, "scope": "span", "spans": json.dumps([[at, at + len(w), label] for at, w, label in places])}


def entries(*found: tuple[str, str]) -> str:
    return json.dumps([{"entity": e.split("/")[0], "label": e.split("/")[1], "value": value} for e, value in found])


TWO_AMOUNTS = history(("tobacco/amount", "a pack", 0), ("tobacco/amount", "a day", 0))
BOTH_THEN_ONE = [("tobacco/amount", "a pack a day"), ("tobacco/amount", "a pack")]

CASES = {
    "first item twice, MedNLI": Case(
        "mednli", "accuracy", [(nli("neutral"), a) for a in ("neutral", "entailment", "entailment")], 50, 100 / 3
    ),
    "first item twice, MeDiSumCode": Case(
        "medisumcode", "exact_f1", [(stay("I10"), a) for a in ("I10", "E11.9", "E11.9")], 50, 100 / 3
    ),
    "all labels named": Case(
        "mednli", "accuracy", [(nli(gold), "entailment, neutral or contradiction") for gold in NLI], 100, 0
    ),
    "label denied": Case("mednli", "accuracy", [(nli("entailment"), "not entailment")], 100, 0),
    "label said twice": Case("mednli", "accuracy", [(nli("neutral"), "Neutral. It is neutral.")], 0, 100),
    "F1 of lists": Case("medisumcode", "exact_f1", [(stay("I10", "K21.9"), "I10, I10, I10, E11.9")], 60, 50),
    "valid ratio of lists": Case("medisumcode", "valid_ratio", [(stay("I10"), "I10, I10, I10, Q99.99")], 75, 50),
    "empty gold": Case("medisumcode", "exact_f1", [(stay(), "no code")], 0, None),
    "narrow expression, U07": Case("medisumcode", "exact_f1", [(stay("U07.1"), "U07.1")], 0, 100),
    "narrow expression, Z3A": Case("medisumcode", "category_f1", [(stay("Z3A.38"), "Z3A.38")], 0, 100),
    "a vitamin as a code": Case("medisumcode", "exact_f1", [(stay("I10"), "vitamin B12 low, I10")], 200 / 3, 100),
    "no concept on either side": Case("pls", "umls_f1", [({"summary": "Fatigue"}, "Tiredness")], 0, None),
    "no concept, MeDiSumQA": Case(
        "medisumqa",
        "umls_f1",
        [({"answer": "You had a fever."}, "A fever."), ({"answer": "Rest."}, "Please rest.")],
        50,
        100,
    ),
    "gold by substring": Case(
        "longhealth",
        "accuracy_task1",
        [(question("Aspirin", "Aspirin 100 mg", "Heparin", "None", "Iron"), "The correct answer is A: Aspirin")],
        0,
        100,
    ),
    "one exact phrase": Case(
        "longhealth", "accuracy_task1", [(question("Aspirin", "Warfarin", "Heparin", "None", "Iron"), "A")], 0, 100
    ),
    "first occurrence alone": Case(
        "sdoh",
        "overlap_f1",
        [(history(("drug/statustime", "Denies", 10)), entries(("drug/statustime", "Denies drugs")))],
        0,
        100,
    ),
    "with case": Case(
        "sdoh",
        "overlap_f1",
        [(history(("tobacco/amount", "a pack", 0)), entries(("tobacco/amount", "A Pack")))],
        0,
        100,
    ),
    "nothing against nothing": Case(
        "sdoh", "overlap_f1", [(history(), "[]"), (history(("tobacco/amount", "a pack", 0)), "[]")], 50, 0
    ),
    "order of an answer": Case("sdoh", "overlap_f1", [(TWO_AMOUNTS, entries(*BOTH_THEN_ONE))], 50, 100),
}


def means(name: str, component: str, items: Sequence[tuple[dict[str, Any], str]]) -> list[float | None]:
    """The mean of a component over the answers in percent, by clue-2024 and by clueplus-1; None where none has it."""
    found: list[float | None] = []
    for scoring in ("clue-2024", "clueplus-1"):
        task = load(name, scoring)  # type: ignore[arg-type]
        values = [task.score(document, answer)["score"][component] for document, answer in items]
        known = [value for value in values if value is not None]
        found.append(100 * task.aggregate(component)(task.counted(known)) if known else None)
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_difference_from_clue_shows_both_numbers(name: str) -> None:
    case = CASES[name]
    clue, ours = means(case.task, case.component, case.items)
    assert clue == pytest.approx(case.clue)
    assert ours == pytest.approx(case.ours)
    assert clue != ours


def test_the_page_has_these_differences_with_these_numbers() -> None:
    rows = [[cell.strip() for cell in row] for row in re.findall(r"^\| ([^|]+) \|.*\| ([^|]+) \| ([^|]+) \|$",
                                                                  PAGE.read_text(encoding="utf-8"), re.M)]  # fmt: skip
    shown = {row[0]: row[1:] for row in rows}
    numbers = {name: ["none" if n is None else f"{n:.1f}" for n in case[-2:]] for name, case in CASES.items()}
    assert {name: shown.get(name) for name in numbers} == numbers


def test_the_same_answer_in_another_order_is_another_score_to_eval4ner_alone() -> None:
    assert means("sdoh", "overlap_f1", [(TWO_AMOUNTS, entries(*BOTH_THEN_ONE[::-1]))]) == [100, 100]


def test_no_version_rounds_and_clues_result_file_does() -> None:
    items = [({"summary": "What helps against a dry cough?"}, "What helps against cough at night, and how?")]
    clue, ours = means("meqsum", "rouge_1", items)
    assert clue == ours == pytest.approx(100 * 2 * 4 / (6 + 8))
    assert printed(ours / 100) == "0.57"
    # A column made of rounded components is another number.
    components = [0.3249, 0.3649, 0.1649, 0.7249]
    assert fmean(components) == pytest.approx(0.3949)
    assert fmean(float(printed(value)) for value in components) == pytest.approx(0.39)


# dadaamin/CLUE-website, commit 354cc306, src/views/Dashboard.vue: MedNLI, in percent.
PUBLISHED_MEDNLI = {
    "Mistral-7B-Instruct-v0.1": 64.79,
    "BioMistral-7B-DARE": 66.76,
    "Meta-Llama-3-8B-Instruct": 74.08,
    "Phi-3-mini-128k-instruct": 57.25,
}


@pytest.mark.parametrize("model", PUBLISHED_MEDNLI)
def test_a_published_mednli_value_comes_out_of_clue_2024_alone(model: str) -> None:
    """1,422 pairs less three examples, the first again: k / 1420. Each pair once: never, with or without examples."""
    published = PUBLISHED_MEDNLI[model]

    def reachable(scoring: Scoring, pairs: int) -> bool:
        task = load("mednli", scoring)
        right, wrong = (task.score(nli("neutral"), answer)["score"]["accuracy"] for answer in ("neutral", "no"))
        mean = task.aggregate("accuracy")
        about = round(published / 100 * pairs)
        return any(
            round(100 * mean(task.counted([right] * k + [wrong] * (pairs - k))), 2) == published
            for k in range(about - 2, about + 3)
        )

    assert reachable("clue-2024", 1419)
    assert not reachable("clueplus-1", 1419)
    assert not reachable("clueplus-1", 1422)


@pytest.mark.parametrize("name", Catalog().tasks)
def test_a_task_says_that_it_has_clue_2024_where_its_folder_has_the_module(name: str) -> None:
    spec = Catalog().task(name)
    assert ("clue-2024" in spec.metadata.scoring) == (spec.folder / f"{MODULE}.py").is_file()


def test_the_six_tasks_of_clue_and_sdoh_have_it() -> None:
    assert sorted(HAVING) == sorted([*Catalog().groups["clue"].task, "sdoh"])


@pytest.mark.parametrize("name", HAVING)
def test_both_versions_have_the_same_components_and_clue_nothing_beside(name: str) -> None:
    task = load(name, "clue-2024")
    for document, answer in zip(task.splits.test, oracle(task), strict=True):
        found = task.score(document, answer)
        assert set(found["score"]) == set(task.spec.metadata.components)
        assert set(found) <= {"score", "unscorable", *task.spec.metadata.components}
    assert (task.scoring, task.beside) == ("clue-2024", ())


def test_the_column_of_sdoh_is_what_clueplus_1_reports_beside_it() -> None:
    ours, clue = load("sdoh", "clueplus-1"), load("sdoh", "clue-2024")
    answers = [answer if n % 2 else "[]" for n, answer in enumerate(oracle(ours))] + ["no list"]
    for document, answer in zip([*ours.splits.test, ours.splits.test[0]], answers, strict=True):
        assert clue.score(document, answer)["score"]["overlap_f1"] == ours.score(document, answer)["eval4ner_f1"]


def test_what_clue_cannot_read_is_counted() -> None:
    for name, document, answer in (
        ("mednli", nli("neutral"), "no idea"),
        ("longhealth", question("a", "b", "c", "d", "e"), "A"),
        ("medisumcode", stay("U07.1"), "U07.1"),
        ("pls", {"summary": "fever"}, " "),
        ("meqsum", {"summary": "fever"}, " "),
        ("medisumqa", {"answer": "fever"}, " "),
        ("sdoh", history(), "nothing"),
    ):
        assert load(name, "clue-2024").score(document, answer)["unscorable"] == 1
        assert load(name, "clue-2024").score(document, answer)["score"] != {}
    assert load("mednli", "clue-2024").score(nli("neutral"), "entailment")["unscorable"] == 0
