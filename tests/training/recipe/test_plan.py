"""Sizes, tokens and cost of a plan, before and after corpora are counted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from clueplus.training.recipe.cost import Rates
from clueplus.training.recipe.execute import run
from clueplus.training.recipe.plan import make_plan
from clueplus.training.recipe.spec import Recipe
from clueplus.training.recipe.work import Work
from tests.training.recipe.conftest import ORDER, Functions, Heard

RATES = Rates(peak=1000.0, mfu=0.5, price=2.0)
STEPS = 2 * 512 * 4096  # of the expert: two steps of the default batch and length


def test_tokens_are_those_of_the_steps_until_the_corpus_is_counted(
    write: Callable[..., Recipe], place: Path, functions: Functions, heard: Heard
) -> None:
    work = Work(place / "work")
    before = {stage.name: stage for stage in make_plan(write(), work, RATES).stages}
    assert before["notes"].tokens is None
    assert before["expert"].estimate.tokens == STEPS
    assert before["expert"].estimate.flops == 6 * 4 * STEPS
    assert before["expert"].estimate.hours == pytest.approx(6 * 4 * STEPS / 500 / 3600)
    assert before["expert"].weights == 4 * 2
    assert [stage.state for stage in before.values()] == ["waiting"] * len(ORDER)
    run(write(), work, functions.table(), heard)
    plan = make_plan(write(), work, RATES)
    after = {stage.name: stage for stage in plan.stages}
    assert after["notes"].tokens == 3
    assert after["expert"].estimate.tokens == 3, "fewer than its steps would take"
    assert [stage.state for stage in after.values()] == ["done"] * len(ORDER)
    assert plan.hours == 0.0, "nothing is left to train"


def test_what_is_not_known_is_named_and_not_added(write: Callable[..., Recipe], place: Path) -> None:
    plan = make_plan(write(("phases: [{steps: 2}]", "phases: [{}]")), Work(place / "work"), RATES)
    assert plan.unknown == ["expert"]
    sft = next(stage for stage in plan.stages if stage.name == "sft")
    assert plan.hours == sft.estimate.hours


def test_the_recipes_guess_stands_in_for_a_corpus_that_is_not_built(write: Callable[..., Recipe], place: Path) -> None:
    guess = ("corpus:\n      sources: [{name: notes", "corpus:\n      tokens: 7\n      sources: [{name: notes")
    plan = make_plan(write(guess, ("phases: [{steps: 2}]", "phases: [{epochs: 3}]")), Work(place / "work"), RATES)
    stages = {stage.name: stage for stage in plan.stages}
    assert (stages["notes"].tokens, stages["expert"].estimate.tokens) == (7, 21)
