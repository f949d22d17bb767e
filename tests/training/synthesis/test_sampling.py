"""Draws: by the seed and the number of the row alone, in the proportions of the recipe."""

from collections import Counter

from clueplus.training.synthesis.recipe import Recipe, read_recipe
from clueplus.training.synthesis.sampling import draw, integer, request_seed, uniform

ROWS = 6000


def draws(recipe: Recipe, seed: int = 1) -> list[dict[str, object]]:
    return [draw(recipe, seed, row) for row in range(ROWS)]


def close(found: int, share: float) -> bool:
    """Within five standard errors."""
    return bool(abs(found - ROWS * share) <= 5 * (ROWS * share * (1 - share)) ** 0.5)


def test_a_draw_depends_on_the_seed_and_the_row_alone() -> None:
    recipe = read_recipe("mediflow")
    assert draw(recipe, 1, 17) == draw(recipe, 1, 17)
    assert [draw(recipe, 1, row) for row in (5, 3)] == [draw(recipe, 1, row) for row in (3, 5)][::-1]
    assert draw(recipe, 1, 17) != draw(recipe, 2, 17)


def test_it_is_the_same_on_every_machine() -> None:
    assert integer(1234, 0, "task_type") == 6475073172488785
    found = draw(read_recipe("mediflow"), 1234, 0)
    assert found["task_type"] == "abbreviation expansion"
    assert found["input_data"] == "Clinical Note: history of present illness"
    assert found["document_type"] == "Clinical Note"


def test_proportions_are_those_of_the_recipe() -> None:
    recipe = read_recipe("mediflow")
    found = draws(recipe)
    difficulty = Counter(each["difficulty_level"] for each in found)
    for name, weight in zip(difficulty, [1] * 5, strict=True):
        assert close(difficulty[name], (3 if name in ("hard", "very hard", "extreme") else weight) / 11)
    assert close(Counter(each["temperature"] for each in found)[1.25], 0.3)
    assert close(Counter(each["output_format"] for each in found)["json"], 0.5)
    tasks = Counter(each["task_type"] for each in found)
    assert len(tasks) == 14
    assert all(close(count, 1 / 14) for count in tasks.values())
    granularities = Counter(each["input_data"] for each in found)
    assert len(granularities) == 98
    assert all(close(count, 1 / 98) for count in granularities.values())
    assert close(Counter(each["document_type"] for each in found)["Operative Note"], 8 / 98)
    assert {each["pairs"] for each in found} == {3, 4}


def test_columns_are_independent() -> None:
    """Of each other, and of which other columns there are."""
    recipe = read_recipe("mediflow")
    found = draws(recipe)
    both = Counter((each["temperature"], each["output_format"]) for each in found)
    assert close(both[1.25, "json"], 0.15)
    fewer = recipe.model_copy(update={"sampled": {"task_type": recipe.sampled["task_type"]}})
    assert [draw(fewer, 1, row)["task_type"] for row in range(50)] == [each["task_type"] for each in found[:50]]


def test_seeds_of_requests_fit_into_what_servers_take() -> None:
    seeds = {request_seed("key", number) for number in range(1000)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert 0.0 <= uniform("x") < 1.0
