from collections.abc import Iterator
from pathlib import Path

import pytest

from clueplus.data import Library
from clueplus.evaluation.plan import plan
from clueplus.evaluation.record import ItemRecord, TaskRecord
from clueplus.evaluation.score import average, score_task, without_reasoning
from clueplus.evaluation.task import LoadedTask, load_tasks
from clueplus.models import Answer, BaselineModel, Request
from clueplus.registry import Catalog


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LoadedTask]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path_factory.mktemp("no-data")))
        patch.delenv("CLUEPLUS_BERTSCORE_MODEL", raising=False)
        catalog = Catalog()
        yield {
            t.name: t for t in load_tasks(catalog.select(["clueplus_open"]), catalog, "sample", Library(Path("none")))
        }


def scored(task: LoadedTask, *, wrong: int = 0, missing: int = 0, cut: int = 0) -> tuple[TaskRecord, list[ItemRecord]]:
    """The record when all answers are the references, but for the last `missing` and, before those, `wrong` ones."""
    requests: list[Request] = plan([task], BaselineModel("baseline:majority", {task.name: task.pool}))
    answers: dict[str, Answer] = {}
    for number, request in enumerate(requests):
        left = len(requests) - number
        if left > missing:
            text = "nonsense" if left <= missing + wrong else task.target(request.document)
            answers[request.key] = Answer(text, "length" if number < cut else "stop", 5, 7)
    return score_task(
        task,
        requests,
        lambda request: answers.get(request.key),
        {requests[-1].key: "HTTP 400"} if missing else {},
        None,
    )


def test_references_score_one(tasks: dict[str, LoadedTask]) -> None:
    for name in ("medec", "aci_bench", "icd10cm"):
        record, _ = scored(tasks[name])
        assert record.score.value == pytest.approx(1.0)
        assert record.outcomes["unscorable"] == 0


def test_an_answer_that_never_came_is_left_out_with_its_reason(tasks: dict[str, LoadedTask]) -> None:
    record, items = scored(tasks["medec"], missing=2)
    assert record.score.value == pytest.approx(1.0)
    assert (record.score.n, record.documents) == (13, 15)
    assert record.failures == {"HTTP 400": 1, "no answer in the store": 1}
    assert [item.outcome for item in items[-2:]] == ["infrastructure_error"] * 2


def test_an_unscorable_answer_is_zero_and_stays_in(tasks: dict[str, LoadedTask]) -> None:
    record, _ = scored(tasks["medec"], wrong=3)
    assert record.score.value == pytest.approx(12 / 15)
    assert record.outcomes == {"scored": 12, "unscorable": 3, "infrastructure_error": 0}
    assert record.score.low is not None
    assert record.score.high is not None
    assert 0.5 < record.score.low < 0.8 < record.score.high < 1


def test_no_answer_at_all_is_null_with_a_reason(tasks: dict[str, LoadedTask]) -> None:
    record, _ = scored(tasks["medec"], missing=15)
    assert (record.score.value, record.score.reason) == (None, "no item was scored")


def test_truncated_answers_and_tokens_are_kept(tasks: dict[str, LoadedTask]) -> None:
    record, items = scored(tasks["aci_bench"], cut=4)
    assert record.truncated == 4
    assert {(item.prompt_tokens, item.completion_tokens) for item in items} == {(5, 7)}


def test_the_column_of_icd10cm_is_the_mean_of_three_levels_of_unequal_size(tasks: dict[str, LoadedTask]) -> None:
    task = tasks["icd10cm"]
    record, items = scored(task, wrong=4, missing=1)
    by_level: dict[str, list[float]] = {}
    for item in items:
        for name, value in item.components.items():
            if value is not None:
                by_level.setdefault(name, []).append(value)
    means = {name: sum(values) / len(values) for name, values in by_level.items()}
    assert {name: measure.value for name, measure in record.components.items()} == pytest.approx(means)
    assert record.score.value == pytest.approx(sum(means.values()) / 3)
    assert len({len(values) for values in by_level.values()}) > 1


def test_breakdowns_are_means_of_their_items(tasks: dict[str, LoadedTask]) -> None:
    record, items = scored(tasks["medec"], wrong=5)
    for group, measure in record.breakdowns["error_type"].items():
        own = [item.components["accuracy"] for item in items if item.groups["error_type"] == group]
        assert measure.n == len(own)
        assert measure.value == pytest.approx(sum(value or 0.0 for value in own) / len(own))
    assert sum(measure.n for measure in record.breakdowns["error_type"].values()) == 15


def test_a_column_that_lacks_a_component_is_null(tasks: dict[str, LoadedTask]) -> None:
    record, _ = scored(tasks["meqsum"])
    assert record.score.value is None
    assert "bertscore_f1" in (record.score.reason or "")
    assert record.components["rouge_1"].value == pytest.approx(1.0)
    assert record.trivial_baseline.score.value is None


def test_an_average_needs_every_column(tasks: dict[str, LoadedTask]) -> None:
    complete = [scored(tasks[name])[0] for name in ("medec", "icd10cm")]
    assert average(complete).value == pytest.approx(1.0)
    lacking = average([*complete, scored(tasks["meqsum"])[0]])
    assert (lacking.value, lacking.reason) == (None, "no score for meqsum")


def test_dependent_items_widen_the_interval(tasks: dict[str, LoadedTask]) -> None:
    _, items = scored(tasks["icd10cm"], wrong=4)
    assert {item.cluster for item in items} == {document["code"] for document in tasks["icd10cm"].splits.test}


def test_restricted_items_carry_hashes_for_ids(tasks: dict[str, LoadedTask], monkeypatch: pytest.MonkeyPatch) -> None:
    task = tasks["medec"]
    variant = task.variant.model_copy(update={"tier": "restricted"})
    monkeypatch.setitem(task.spec.metadata.variants, "sample", variant)
    _, items = scored(task)
    ids = {document["id"] for document in task.splits.test}
    assert not ids & {value for item in items for value in (item.id, item.cluster)}
    assert len({item.id for item in items}) == len(ids)


def test_reasoning_is_no_part_of_a_text_that_is_compared(tasks: dict[str, LoadedTask]) -> None:
    task = tasks["aci_bench"]
    requests = plan([task], BaselineModel("baseline:majority", {task.name: task.pool}))

    def answer(request: Request) -> Answer:
        return Answer(f"<mull>Let me see.</mull>\n{task.target(request.document)}")

    assert score_task(task, requests, answer, {}, None, ("<mull>", "</mull>"))[0].score.value == pytest.approx(1.0)
    assert (score_task(task, requests, answer, {}, None)[0].score.value or 0) < 1


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a", "a"), ("<think>x</think>a", "a"), ("x</think>a", "a"), ("<think>x", ""), ("a<think>b", "a"), ("", "")],
)
def test_what_is_thought_aloud_is_left_out(text: str, kept: str) -> None:
    assert without_reasoning(text, "<think>", "</think>") == kept
