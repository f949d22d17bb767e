"""Prompts that are too long: which are found, how they are cut, when the run is refused."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clueplus.data import Library
from clueplus.errors import ClueplusError
from clueplus.evaluation.fit import fit
from clueplus.evaluation.plan import Planner, Sampling
from clueplus.evaluation.task import LoadedTask, _level, cut_middle, load_tasks
from clueplus.models import Request
from clueplus.models.base import characters
from clueplus.registry import Catalog


class Counting:
    """A model that counts a token every three characters."""

    name, api, stop, order, concurrency = "counting", "chat", (), "prefix", 4

    def __init__(self, context: int | None, *, knows: bool = True) -> None:
        self.context, self.knows = context, knows
        self.counted: list[int] = []

    def identity(self, task: str) -> dict[str, Any]:
        return {}

    async def count(self, request: Request) -> int | None:
        self.counted.append(request.index)
        return characters(request.prompt) // 3 if self.knows else None


class Notes:
    """A reporter that keeps notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LoadedTask]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path_factory.mktemp("no-data")))
        catalog = Catalog()
        loaded = load_tasks(catalog.select(["aci_bench", "medec"]), catalog, "sample", Library(Path("none")))
        yield {task.name: task for task in loaded}


def fitted(
    model: Counting, *tasks: LoadedTask, sampling: Sampling | None = None
) -> tuple[list[Request], list[Request], Notes]:
    planner = Planner(model, sampling or Sampling())  # type: ignore[arg-type]
    requests = [request for task in tasks for request in planner.task(task)]
    notes = Notes()
    return requests, asyncio.run(fit(requests, tasks, planner, notes)), notes  # type: ignore[arg-type]


def lengths(requests: list[Request]) -> list[int]:
    return sorted(characters(request.prompt) // 3 for request in requests)


def test_prompts_that_fit_stay_as_they_are_and_are_hardly_counted(tasks: dict[str, LoadedTask]) -> None:
    model = Counting(200_000)
    before, after, notes = fitted(model, *tasks.values())
    assert after == before
    assert notes.notes == []
    assert model.counted == [], "no prompt has as many bytes as the context has tokens"


def test_long_prompts_are_cut_until_prompt_and_answer_fit(tasks: dict[str, LoadedTask]) -> None:
    before = fitted(Counting(None), tasks["aci_bench"])[0]
    context = lengths(before)[-3] + before[0].decoding.max_tokens
    before, after, notes = fitted(Counting(context), tasks["aci_bench"])
    assert lengths(after)[-1] + after[0].decoding.max_tokens <= context
    cut = [request for request in after if request.cut]
    assert len(cut) == 2
    for request in cut:
        original = before[request.index]
        assert request.key != original.key
        assert request.prompt_hash != original.prompt_hash
        assert request.document == original.document, "scored against the whole document"
        assert "[...]" in str(request.prompt)
        kept = context - request.decoding.max_tokens - characters(request.prompt) // 3
        assert kept < 200, "no more is cut than has to be"
    assert [request.index for request in after] == [request.index for request in before]
    assert f"2 of {len(before)} prompts are cut in the middle" in notes.notes[0]
    uncut = [request for request in after if not request.cut]
    assert uncut == [before[request.index] for request in uncut]


def test_every_sample_of_an_item_is_cut_alike(tasks: dict[str, LoadedTask]) -> None:
    sampling = Sampling(3, 0.7)
    before = fitted(Counting(None), tasks["aci_bench"])[0]
    context = lengths(before)[-1] - 50 + before[0].decoding.max_tokens
    _, after, _ = fitted(Counting(context), tasks["aci_bench"], sampling=sampling)
    cut = [request for request in after if request.cut]
    items = {request.index for request in cut}
    assert [request.sample for request in cut] == [0, 1, 2] * len(items)
    assert len({request.prompt_hash for request in cut}) == len(items)
    assert len({request.key for request in cut}) == len(cut)


def test_a_context_too_small_for_a_task_that_refuses_ends_the_run_before_it_starts(
    tasks: dict[str, LoadedTask],
) -> None:
    before = fitted(Counting(None), tasks["medec"])[0]
    context = lengths(before)[-2] + before[0].decoding.max_tokens
    with pytest.raises(ClueplusError, match=r"medec: 1 of 15 prompts do not fit the context of \d+ tokens") as error:
        fitted(Counting(context), tasks["medec"])
    assert "--max-model-len" in str(error.value)


def test_a_single_refused_prompt_among_many_is_left_out(
    tasks: dict[str, LoadedTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clueplus.evaluation.fit.MAX_INFRASTRUCTURE_SHARE", 0.1)
    before = fitted(Counting(None), tasks["medec"])[0]
    context = lengths(before)[-2] + before[0].decoding.max_tokens
    _, after, notes = fitted(Counting(context), tasks["medec"])
    (refused,) = [request for request in after if request.refused]
    assert "too long" in str(refused.refused)
    assert "0 of 15 prompts are cut" in notes.notes[0]
    assert "1 refused" in notes.notes[0]


def test_a_few_shot_example_that_does_not_fit_cannot_be_helped(tasks: dict[str, LoadedTask]) -> None:
    with pytest.raises(ClueplusError, match="do not fit"):
        fitted(Counting(1600), tasks["aci_bench"])


def test_without_a_context_or_a_count_nothing_is_changed(tasks: dict[str, LoadedTask]) -> None:
    for model in (Counting(None), Counting(100, knows=False)):
        before, after, _ = fitted(model, tasks["medec"])
        assert after == before


def test_only_the_longest_are_counted_when_the_rest_fits_by_far(tasks: dict[str, LoadedTask]) -> None:
    task = tasks["medec"]
    many = replace(task, splits=replace(task.splits, test=type(task.splits.test)([*task.splits.test] * 20)))
    before = fitted(Counting(None), many)[0]
    sizes = sorted(characters(request.prompt) for request in before)
    context = int(sizes[-1] / 3 * 1.6) + before[0].decoding.max_tokens
    model = Counting(context)
    _, after, _ = fitted(model, many)
    assert after == before
    assert 0 < len(model.counted) <= 16


@given(st.lists(st.integers(0, 50), max_size=6), st.integers(0, 200))
def test_of_several_texts_the_longest_are_cut_to_one_length(lengths: list[int], characters: int) -> None:
    level = _level(lengths, characters)
    assert sum(max(0, length - level) for length in lengths) >= min(characters, sum(lengths))
    longer = level + 1
    assert not characters or sum(max(0, length - longer) for length in lengths) < characters, "no more than has to go"


@given(st.text(max_size=60), st.integers(0, 80))
def test_the_middle_goes_and_both_ends_stay(text: str, characters: int) -> None:
    cut = cut_middle(text, characters)
    if not characters:
        assert cut == text
        return
    head, mark, tail = cut.rpartition("\n[...]\n")
    assert mark
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len(head) + len(tail) <= max(0, len(text) - characters)
