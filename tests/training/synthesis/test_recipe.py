"""Recipes: the shipped one has the paper's lists; a fault is one line that names it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clueplus.errors import ClueplusError
from clueplus.training.synthesis.recipe import read_recipe, recipe_names
from tests.support.synthesis import RECIPE

# The numbers of granularities, by the paper where there are several.
PARTS = {
    3: ["Clinical Case", "Radiology Report"],
    4: ["Progress Note"],
    5: [
        *("SOAP Clinical Note", "Doctor-Patient Conversation", "Nurse-Patient Dialog", "Therapy Notes"),
        "Psychiatric Evaluation",
    ],
    6: ["Discharge Summary", "Clinical Note", "Admission Note"],
    7: ["Emergency Department Note"],
    8: ["Scientific Article", "Operative Note"],
}
GRANULARITIES = {name: count for count, names in PARTS.items() for name in names}


def changed(tmp_path: Path, *where: str, value: Any) -> Path:
    """The shipped recipe with one value changed."""
    data = yaml.safe_load(RECIPE.read_text())
    inner = data
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


def test_the_shipped_recipe_has_the_lists_of_the_paper() -> None:
    recipe = read_recipe("mediflow")
    documents = recipe.sampled["input_data"].nested
    assert len(documents) == 36
    assert {name: len(parts) for name, parts in documents.items()} == dict.fromkeys(documents, 1) | GRANULARITIES
    assert sum(map(len, documents.values())) == 98
    assert all(len(set(parts)) == len(parts) for parts in documents.values())
    assert len(recipe.sampled["task_type"].values) == 14
    difficulty = recipe.sampled["difficulty_level"]
    assert dict(zip(difficulty.values, difficulty.weights, strict=True)) == {
        **dict.fromkeys(["moderate", "moderate-hard"], 1),
        **dict.fromkeys(["hard", "very hard", "extreme"], 3),
    }
    assert recipe.sampled["temperature"].values == (1.0, 1.25)
    assert recipe.sampled["temperature"].weights == (7, 3)
    assert recipe.judged is not None
    assert list(recipe.judged.criteria) == ["quality", "alignment", "coherence", "realism", "difficulty"]
    assert (recipe.judged.samples, recipe.judged.lowest, recipe.judged.highest) == (5, 1, 4)
    assert recipe.corrupted is not None
    assert len(recipe.corrupted.error_types) == 12
    assert [(share.instructions, share.pairs) for share in recipe.corrupted.shares] == [
        *((20000, 3), (25000, 2), (40000, 1)),
    ]


def test_it_is_found_by_its_name_and_by_its_path() -> None:
    assert recipe_names() == ["mediflow"]
    assert read_recipe(str(RECIPE)).digest() == read_recipe("mediflow").digest()
    with pytest.raises(ClueplusError, match="did you mean mediflow"):
        read_recipe("mediflo")


@pytest.mark.parametrize(
    ("where", "value", "told"),
    [
        (("generated", "prompt"), "Write {{ task_typ }}", "uses task_typ, which nothing gives .did you mean task_type"),
        (("judged", "prompt"), "Judge {{ pairs }}", "uses pairs, which nothing gives"),
        (("corrupted", "prompt"), "{% if %}", "no Jinja template"),
        (("generated", "temperature"), "task_type", "names no sampled column of numbers"),
        (("generated", "pairs"), [4, 3], "the lower one first"),
        (("sampled", "output_format", "values"), ["xml"], "plain_text or json"),
        (("sampled", "temperature", "weights"), [7], "one number above 0 for each"),
        (("sampled", "task_type"), {}, "give 'values' or 'nested'"),
        (("corrupted", "instructions"), 1, "must sum to"),
        (("judged", "criteria"), {"input": "x"}, "a criterion can't be called input"),
        (("judged", "lowest"), 9, "'lowest' must be below"),
        (("jugded",), {}, "unknown key"),
    ],
)
def test_a_fault_is_told(tmp_path: Path, where: tuple[str, ...], value: Any, told: str) -> None:
    with pytest.raises(ClueplusError, match=told):
        read_recipe(str(changed(tmp_path, *where, value=value)))


def test_a_column_that_is_missing_is_told(tmp_path: Path) -> None:
    data = yaml.safe_load(RECIPE.read_text())
    del data["sampled"]["difficulty_level"]
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ClueplusError, match="lacks difficulty_level"):
        read_recipe(str(path))


def test_the_digest_of_a_part_hears_of_that_part_alone(tmp_path: Path) -> None:
    before, after = read_recipe("mediflow"), read_recipe(str(changed(tmp_path, "judged", "samples", value=7)))
    assert before.digest() != after.digest()
    assert before.digest(("sampled", "generated")) == after.digest(("sampled", "generated"))
    assert before.digest(("judged",)) != after.digest(("judged",))
    turned = list(reversed(before.sampled["task_type"].values))
    other = read_recipe(str(changed(tmp_path, "sampled", "task_type", "values", value=turned)))
    assert before.digest(("sampled",)) != other.digest(("sampled",)), "the order of a list decides what is drawn"
