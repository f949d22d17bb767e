"""Prompts of every shipped task, on the samples and, where it is, on the official data."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clueplus.data import Library
from clueplus.evaluation.plan import plan
from clueplus.evaluation.task import LoadedTask, load_tasks
from clueplus.models import BaselineModel
from clueplus.registry import Catalog

CUES = {
    "meqsum": "Short question:",
    "medec": "Number of the wrong sentence, or -1:",
    "aci_bench": "Note:",
    "icd10cm": "Letter:",
}
SHOTS = {"meqsum": 3, "medec": 2, "aci_bench": 1, "icd10cm": 3}


@pytest.fixture(scope="module", params=["sample", "official"])
def tasks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[LoadedTask]]:
    mirror: Path | None = request.getfixturevalue("data_mirror") if request.param == "official" else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path_factory.mktemp("no-data")))
        catalog = Catalog()
        yield load_tasks(catalog.select(["clueplus_open"]), catalog, request.param, Library.here(mirror))


def test_a_chat_prompt_is_turns_of_user_and_assistant_that_end_with_the_cue(tasks: list[LoadedTask]) -> None:
    for task in tasks:
        for document in (task.splits.test[0], task.splits.test[-1]):
            prompt = task.prompt(document, "chat")
            assert isinstance(prompt, list)
            assert [m["role"] for m in prompt] == ["user", "assistant"] * SHOTS[task.name] + ["user"]
            assert prompt[-1]["content"].endswith(CUES[task.name])


def test_the_few_shot_answers_are_the_references_of_the_pool(tasks: list[LoadedTask]) -> None:
    for task in tasks:
        prompt = task.prompt(task.splits.test[0], "chat")
        assert isinstance(prompt, list)
        shown = [message["content"] for message in prompt if message["role"] == "assistant"]
        assert shown == [task.target(document) for document in task.splits.fewshot[: SHOTS[task.name]]]


def test_label_tasks_show_different_answers(tasks: list[LoadedTask]) -> None:
    for task in tasks:
        if task.name in ("medec", "icd10cm"):
            shown = [task.target(document) for document in task.splits.fewshot[: SHOTS[task.name]]]
            assert len(set(shown)) > 1


def test_both_renderings_say_the_same(tasks: list[LoadedTask]) -> None:
    for task in tasks:
        document = task.splits.test[0]
        text, messages = task.prompt(document, "completions"), task.prompt(document, "chat")
        assert isinstance(text, str)
        assert isinstance(messages, list)
        assert "".join(text.split()) == "".join("".join(m["content"] for m in messages).split())


def test_the_reference_is_not_in_the_question(tasks: list[LoadedTask]) -> None:
    """A leaked reference would follow the cue, or stand in the text that the item's own turn adds to another item's."""
    for task in tasks:
        if task.name == "aci_bench":
            for document in task.splits.test:
                prompt = task.prompt(document, "chat")
                assert isinstance(prompt, list)
                assert document["note"][:200] not in prompt[-1]["content"]
        if task.name == "medec":
            for document in task.splits.test[:50]:
                changed = {**document, "error_id": -1, "error_type": None, "corrected": "another sentence"}
                assert task.prompt(document, "chat") == task.prompt(changed, "chat")
        if task.name in ("meqsum", "icd10cm"):
            field = {"meqsum": "summary", "icd10cm": "answer"}[task.name]
            for document in task.splits.test[:50]:
                assert task.prompt(document, "chat") == task.prompt({**document, field: "X"}, "chat")


def test_no_reference_contains_a_stop_string(tasks: list[LoadedTask]) -> None:
    for task in tasks:
        for document in [*task.splits.test, *task.splits.fewshot]:
            assert not [stop for stop in task.decoding.stop if stop in task.target(document)]


def test_every_reference_fits_the_token_limit_at_three_characters_a_token(tasks: list[LoadedTask]) -> None:
    for task in tasks:
        longest = max(len(task.target(document)) for document in task.splits.test)
        assert longest / 3.5 <= task.decoding.max_tokens, task.name


def test_a_plan_holds_the_first_documents_with_different_keys(tasks: list[LoadedTask]) -> None:
    model = BaselineModel("baseline:majority", {task.name: task.pool for task in tasks})
    requests = plan(tasks, model, 10)
    assert [(r.task, r.index) for r in requests] == [(task.name, n) for task in tasks for n in range(10)]
    assert len({r.key for r in requests}) == 40
    assert [r.key for r in requests] == [r.key for r in plan(tasks, model, 10)]
