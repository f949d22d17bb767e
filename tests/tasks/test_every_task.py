"""What holds for every task folder: right answers score 1, broken ones less, and no answer raises.

A task that is added is tested here without a line of its own. Components that need what is not here are left out.
"""

import math
from collections.abc import Mapping
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
from clueplus.metrics import bertscore, concepts
from clueplus.metrics.resources import why_missing
from clueplus.registry import Catalog
from tests.support.task_scores import LIBRARY, load, means, oracle

NAMES = list(Catalog().tasks)
IMPORTED = [name for name, spec in Catalog().tasks.items() if any(v.imported for v in spec.metadata.variants.values())]


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


def numbers(result: Mapping[str, Any]) -> list[float]:
    return [v for k, v in result.items() if k != "score"] + [v for v in result["score"].values() if v is not None]


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_any_answer_has_every_component_and_numbers_between_0_and_1(name: str, data: st.DataObject) -> None:
    task = load(name)
    document = data.draw(st.sampled_from(task.splits.test))
    target = task.target(document)
    pieces = st.text(st.characters(), max_size=20) | st.sampled_from(
        [target, target[: len(target) // 2], *'[{"A1-,;\n']
    )
    found = task.score(document, "".join(data.draw(st.lists(pieces, max_size=6))))
    assert all(type(number) is float and 0 <= number <= 1 for number in numbers(found))
    assert set(found["score"]) == set(task.spec.metadata.components)
    assert set(found) <= {"score", "unscorable", *task.measures}


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
