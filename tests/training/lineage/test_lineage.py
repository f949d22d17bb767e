"""What a checkpoint tells of where it comes from."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from clueplus.errors import DataError
from clueplus.records.lineage import check_lineage, origin_of, read_lineage
from clueplus.training.lineage.draw import tree
from clueplus.training.recipe.execute import run
from clueplus.training.recipe.spec import Recipe
from clueplus.training.recipe.work import Work
from tests.training.recipe.conftest import Functions, Heard, functions, heard, place, write

__all__ = ["functions", "heard", "place", "write"]


@pytest.fixture
def made(write: Callable[..., Recipe], place: Path, functions: Functions, heard: Heard) -> dict[str, Path]:
    """The folder of each stage of the recipe, after a run."""
    outcome = run(write(), Work(place / "work"), functions.table(), heard)
    return {node.name: node.place for node in outcome.nodes}


def test_it_holds_every_step_back_to_base_and_corpora(made: dict[str, Path]) -> None:
    lineage = read_lineage(made["sft"])
    assert [step.name for step in lineage.steps] == ["base", "notes", "expert", "merged", "rows", "sft"]
    parents = {step.name: [parent.name for parent in step.parents] for step in lineage.steps}
    assert parents["sft"] == ["merged", "rows"]
    assert parents["merged"] == ["base", "expert"]
    assert parents["expert"] == ["base", "notes"]
    digests = {step.name: step.digest for step in lineage.steps}
    assert all(parent.digest == digests[parent.name] for step in lineage.steps for parent in step.parents)


def test_it_tells_what_was_done_with_what(made: dict[str, Path]) -> None:
    steps = {step.name: step for step in read_lineage(made["sft"]).steps}
    assert steps["expert"].method == "dapt"
    assert steps["merged"].method == "slerp"
    assert steps["sft"].seeds == [1234]
    assert steps["sft"].spec["training"]["steps"] == 2
    assert steps["sft"].result["losses"] == {"phase1_first": 2.0, "phase1_last": 1.0}
    (source,) = steps["notes"].sources
    assert (source.name, source.licence, source.documents, source.tokens) == ("notes", "CC0-1.0", 1, 3)
    assert steps["sft"].result["facts"] == {"folder": made["sft"].name, "device": "cpu"}
    assert "path" not in steps["notes"].spec["sources"][0]
    assert steps["sft"].code.version == 1
    assert steps["sft"].environment["python"]


def test_nothing_of_the_machine_is_in_it(made: dict[str, Path], place: Path) -> None:
    for name in ("expert", "merged", "sft"):
        for file in ("lineage.json", "README.md"):
            text = (made[name] / file).read_text()
            assert str(place) not in text
            assert "/tmp" not in text
            assert "A note." not in text


def test_a_checkpoint_is_known_by_its_files(made: dict[str, Path]) -> None:
    lineage = read_lineage(made["sft"])
    check_lineage(made["sft"], lineage)
    (made["sft"] / "README.md").write_text("Somebody's own words.")
    check_lineage(made["sft"], lineage)
    weights = made["sft"] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=r"tells of another checkpoint: model\.safetensors is not its file"):
        check_lineage(made["sft"], lineage)
    with pytest.raises(DataError, match="contradict each other"):
        check_lineage(made["sft"], lineage.model_copy(update={"files": {}}))


def test_the_tree_goes_from_the_checkpoint_to_the_corpora(made: dict[str, Path]) -> None:
    shown = [re.sub("  [0-9a-f]{12}$", "", line) for line in tree(read_lineage(made["sft"]))]
    assert shown == [
        "sft  align (sft)",
        "├─ merged  merge (slerp)",
        "│  ├─ base  base",
        "│  └─ expert  expert (dapt)",
        "│     ├─ base (above)",
        "│     └─ notes  corpus",
        "│           · notes: 1 documents, 3 tokens, CC0-1.0",
        "└─ rows  corpus",
        "      · rows: 1 documents, 3 tokens, Apache-2.0",
    ]


def test_the_card_has_the_scores_that_came_later(made: dict[str, Path]) -> None:
    card = (made["sft"] / "README.md").read_text()
    assert 'base_model: "base"' in card
    assert "| notes | CC0-1.0 | 1 | 3 |" in card
    assert "| mednli | 25.0 |" in card
    assert "phase1_first 2.000" in card
    assert "Scores" not in (made["merged"] / "README.md").read_text()


def test_a_recipe_that_starts_from_a_checkpoint_of_ours_goes_on_with_its_lineage(
    made: dict[str, Path], write: Callable[..., Recipe], place: Path, functions: Functions, heard: Heard
) -> None:
    outcome = run(write(("BASE", str(made["sft"]))), Work(place / "second"), functions.table(), heard)
    expert = next(node.place for node in outcome.nodes if node.name == "expert")
    names = [step.name for step in read_lineage(expert).steps]
    assert names == ["base", "notes", "expert", "merged", "rows", "sft", made["sft"].name, "notes", "expert"]
    assert sum("notes  corpus" in line for line in tree(read_lineage(expert))) == 1


def test_in_short_it_names_steps_sources_and_licences(made: dict[str, Path]) -> None:
    origin = origin_of(read_lineage(made["sft"]))
    assert [step.name for step in origin.steps] == ["base", "notes", "expert", "merged", "rows", "sft"]
    assert {source.name: source.licence for source in origin.sources} == {"notes": "CC0-1.0", "rows": "Apache-2.0"}
    assert len(origin.model_dump_json()) < 4000


def test_what_is_no_lineage_is_refused(made: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no lineage\.json\. Fix: give the folder of a checkpoint"):
        read_lineage(tmp_path)
    path = made["sft"] / "lineage.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 2}))
    with pytest.raises(DataError, match="not a lineage of schema 1: schema_version"):
        read_lineage(made["sft"])
