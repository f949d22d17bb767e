"""What holds for every task folder: right answers score 1, broken ones less, and no answer raises.

A task that is added is tested here without a line of its own, in every scoring version that it has. Components that
need what is not here are left out, but where a tiny encoder and a table of terms stand for it.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.data import load_splits
from clueplus.data.importing import MODULE, imported_variants
from clueplus.data.load import import_module
from clueplus.data.verify import verify_task
from clueplus.errors import DataError
from clueplus.evaluation.task import LoadedTask, load_tasks
from clueplus.metrics import bertscore, concepts
from clueplus.metrics.resources import needed, why_missing
from clueplus.registry import Catalog, Scoring
from tests.metrics.test_bertscore import forget, needs_torch, one_thread
from tests.support.task_scores import LIBRARY, load, means, oracle
from tests.support.tiny_encoder import build_tiny_bert

NAMES = list(Catalog().tasks)
IMPORTED = [name for name, spec in Catalog().tasks.items() if any(v.imported for v in spec.metadata.variants.values())]
VERSIONS = [(name, scoring) for name, spec in Catalog().tasks.items() for scoring in spec.metadata.scoring]
NEEDY = [(name, scoring) for name, scoring in VERSIONS if needed(Catalog().task(name).metadata.components)]


@cache
def load_version(name: str, scoring: Scoring) -> LoadedTask:
    catalog = Catalog()
    return load_tasks([catalog.task(name)], catalog, "sample", LIBRARY, scoring)[0]


@pytest.fixture(autouse=True)
def no_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (bertscore.MODEL_VARIABLE, concepts.CONCEPTS_VARIABLE):
        monkeypatch.delenv(variable, raising=False)


def computable(name: str) -> set[str]:
    """The components of a task that need nothing but the two texts."""
    return {component for component in Catalog().task(name).metadata.components if not why_missing(component)}


@pytest.mark.parametrize("name", NAMES)
def test_right_answers_score_1_on_every_component(name: str) -> None:
    task = load(name)
    found = means(task, oracle(task))
    assert found["unscorable"] == 0
    assert {component: found.get(component) for component in computable(name)} == pytest.approx(
        dict.fromkeys(computable(name), 1.0)
    )
    assert found["score"] == pytest.approx(1) or computable(name) != set(task.spec.metadata.components)


@pytest.mark.parametrize("name", NAMES)
def test_the_answers_of_other_documents_score_less(name: str) -> None:
    task = load(name)
    answers = oracle(task)
    shift = next(n for n in range(1, len(answers)) if answers[n:] + answers[:n] != answers)
    half = [answers[n - shift] if n % 2 else answer for n, answer in enumerate(answers)]
    moved, mixed = means(task, answers[-shift:] + answers[:-shift]), means(task, half)
    lower = {c for c in computable(name) if moved.get(c, 1.0) < mixed.get(c, 1.0) < 1}
    # A share of valid codes is not lower for another letter's codes; something must be.
    assert lower, (moved, mixed)


@pytest.mark.parametrize("answer", ["", " \n\t", "<think>"])
@pytest.mark.parametrize("name", NAMES)
def test_an_empty_answer_scores_0(name: str, answer: str) -> None:
    task = load(name)
    for document in task.splits.test:
        score = task.score(document, answer)["score"]
        assert {value for value in score.values() if value is not None} <= {0.0}


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with one_thread():
        yield build_tiny_bert(tmp_path_factory.mktemp("every-task") / "tiny")


@pytest.fixture
def resources(tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A tiny encoder, and a table in which every word of every reference is a term."""
    targets = " ".join(target for name, _ in NEEDY for target in oracle(load(name)))
    words = sorted(set(re.findall(r"[a-z]{3,}", targets.lower())))
    table = tmp_path / "terms.tsv"
    table.write_text("cui\tterm\n" + "".join(f"C{number}\t{word}\n" for number, word in enumerate(words)))
    monkeypatch.setenv(bertscore.MODEL_VARIABLE, str(tiny_bert))
    monkeypatch.setenv(concepts.CONCEPTS_VARIABLE, str(table))
    forget()
    yield
    forget()


# What CLUE takes for an answer to LongHealth, where a letter is none; other references are right as they are.
PHRASES = {("longhealth", "clue-2024"): "The correct answer is {}: as the documents say."}


def check_right_answers(task: LoadedTask) -> None:
    phrase = PHRASES.get((task.name, task.scoring), "{}")
    results = [task.score(d, phrase.format(a)) for d, a in zip(task.splits.test, oracle(task), strict=True)]
    columns = {c: [r["score"][c] for r in results if r["score"][c] is not None] for c in results[0]["score"]}
    assert all(values == pytest.approx([1.0] * len(values), abs=1e-5) for values in columns.values())
    assert {c for c, values in columns.items() if values} == {c for c in columns if not why_missing(c)}
    assert not any(result["unscorable"] for result in results)
    if all(columns.values()):
        counted = task.counted([result["score"] for result in results])
        assert task.aggregate("score")(counted) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("name", "scoring"), VERSIONS)
def test_a_right_answer_scores_1_in_every_version(name: str, scoring: Scoring) -> None:
    check_right_answers(load_version(name, scoring))


@needs_torch
@pytest.mark.parametrize(("name", "scoring"), NEEDY)
def test_a_right_answer_scores_1_with_every_component(name: str, scoring: Scoring, resources: None) -> None:
    task = load_version(name, scoring)
    bertscore.prepare(oracle(task), oracle(task))
    check_right_answers(task)
    assert not any(why_missing(component) for component in task.spec.metadata.components)


def check_numbers(task: LoadedTask, document: Mapping[str, Any], answer: str) -> None:
    found = task.score(document, answer)
    numbers = [v for k, v in found.items() if k != "score"] + [v for v in found["score"].values() if v is not None]
    assert all(type(number) is float and 0 <= number <= 1 for number in numbers)
    assert set(found["score"]) == set(task.spec.metadata.components)
    assert set(found) <= {"score", "unscorable", *task.measures}


KEYS = st.sampled_from(["entity", "label", "value", "text", "type", "codes", "x"])
LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.just("Drug")
JUNK = st.recursive(LEAVES, lambda x: st.lists(x, max_size=4) | st.dictionaries(KEYS, x, max_size=4), max_leaves=8)
CONTROLS = st.text(st.characters(categories=["Cc", "Cf", "Co", "Zl", "Zp", "Cs"]), max_size=8)
MARKS = st.sampled_from(
    [*'[]{}"A1-,;:\n', "```json\n", "</think>", "<think>", "not ", "The correct answer is ", "I10", "Z3A.38", "-1"]
)


def answers(target: str) -> st.SearchStrategy[str]:
    """Texts of any characters, lone surrogates and control characters too, of junk of JSON, of bits of the gold."""
    gold = st.sampled_from([target, target[: len(target) // 2], target[::-1], target.upper()])
    pieces = st.text(st.characters(), max_size=20) | CONTROLS | JUNK.map(json.dumps) | MARKS | gold
    return st.lists(pieces, max_size=6).map("".join)


@pytest.mark.parametrize(("name", "scoring"), VERSIONS)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_any_answer_has_every_component_and_numbers_between_0_and_1(
    name: str, scoring: Scoring, data: st.DataObject
) -> None:
    task = load_version(name, scoring)
    document = data.draw(st.sampled_from(task.splits.test))
    check_numbers(task, document, data.draw(answers(task.target(document))))


@needs_torch
@pytest.mark.parametrize(("name", "scoring"), NEEDY)
def test_nor_does_any_answer_harm_what_needs_an_encoder_or_terms(name: str, scoring: Scoring, resources: None) -> None:
    task = load_version(name, scoring)

    @settings(deadline=None, max_examples=30)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        document = data.draw(st.sampled_from(task.splits.test))
        answer = data.draw(answers(task.target(document)))
        check_numbers(task, document, answer)
        assert task.score(document, answer)["score"]["bertscore_f1"] is not None

    check()


LONG = [
    piece * 4000 for piece in ("a ", "[", '{"a": [', "I10, ", "A. ", "not entailment ", "\0", "\u2028", "\n- ", "9")
]


@pytest.mark.parametrize(("name", "scoring"), VERSIONS)
def test_a_very_long_answer_has_numbers_too(name: str, scoring: Scoring) -> None:
    task = load_version(name, scoring)
    for answer in LONG:
        check_numbers(task, task.splits.test[0], answer)


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_is_as_its_statistics_say(name: str) -> None:
    assert verify_task(Catalog().task(name), "sample", LIBRARY).endswith("as described")


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_there_and_the_pool_has_the_shots(name: str) -> None:
    spec = Catalog().task(name)
    assert (spec.folder / "README.md").read_text(encoding="utf-8").startswith("# ")
    assert len(load(name).splits.fewshot) >= spec.num_fewshot


@pytest.mark.parametrize("name", NAMES)
def test_no_reference_has_a_stop_string_or_is_longer_than_an_answer_may_be(name: str) -> None:
    task = load(name)
    for document in [*task.splits.test, *task.splits.fewshot]:
        target = task.target(document)
        assert not [stop for stop in task.decoding.stop if stop in target]
        assert len(target) / 3 <= task.decoding.max_tokens


@pytest.mark.parametrize("name", NAMES)
def test_an_aggregate_of_nothing_known_is_nan_and_not_a_number(name: str) -> None:
    task = load(name)
    assert math.isnan(task.aggregate("score")([dict.fromkeys(task.spec.metadata.components)]))


@pytest.mark.parametrize("name", IMPORTED)
def test_an_imported_task_refuses_an_empty_folder_and_has_no_data_before(name: str, tmp_path: Path) -> None:
    spec = Catalog().task(name)
    with pytest.raises(DataError):
        import_module(spec.folder / f"{MODULE}.py").read(tmp_path)
    with pytest.raises(DataError, match=f"clueplus data import {name}"):
        load_splits(spec, imported_variants(spec)[0], LIBRARY)
