"""What a run makes, keeps and makes again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from clueplus.data.availability import Availability
from clueplus.errors import ClueplusError, StoreError
from clueplus.records.lineage import read_lineage
from clueplus.training.lineage.draw import tree
from clueplus.training.recipe import outside, state
from clueplus.training.recipe.execute import Outcome, run
from clueplus.training.recipe.spec import Recipe
from clueplus.training.recipe.work import RESULT_NAME, STAGE_NAME, Work
from tests.training.recipe.conftest import ORDER, Functions, Heard

Write = Callable[..., Recipe]
Go = Callable[..., Outcome]


@pytest.fixture
def go(write: Write, place: Path, functions: Functions, heard: Heard) -> Go:
    """Runs the recipe with changes, in one work folder; `functions.called` then holds what was run this time."""

    def call(*changes: tuple[str, str], **options: object) -> Outcome:
        functions.called.clear()
        return run(write(*changes), Work(place / "work"), functions.table(), heard, **options)

    return call


def outputs(outcome: Outcome) -> dict[str, str]:
    return {node.name: node.record.output for node in outcome.nodes}


def test_everything_is_made_once(go: Go, functions: Functions, heard: Heard) -> None:
    first = go()
    assert functions.called == ORDER == first.made == heard.done
    assert first.verdicts == {"gate": "FAIL"}
    again = go()
    assert functions.called == again.made == []
    assert heard.was_kept == ORDER
    assert outputs(again) == outputs(first)


def test_an_output_is_named_by_its_stage_and_digest(go: Go, place: Path) -> None:
    for node in go().nodes:
        assert node.place == place / "work" / node.kind / f"{node.name}-{node.digest[:12]}"
        assert json.loads((node.place / STAGE_NAME).read_text())["digest"] == node.digest


@pytest.mark.parametrize(
    ("old", "new", "made"),
    [
        ("steps: 2}]", "steps: 3}]", ["expert", "merged", "sft", "after", "gate"]),
        ("t: 0.5", "t: 0.4", ["merged", "sft", "after", "gate"]),
        ("training: {steps: 2}", "training: {steps: 3}", ["sft", "after", "gate"]),
        ("model: base, tasks: [mednli]", "model: base, tasks: [icd10cm]", ["before", "gate"]),
        ("stages:\n", "seed: 5\nstages:\n", ["notes", "rows", "expert", "merged", "sft", "after", "gate"]),
        ("licence: CC0-1.0", "licence: CC-BY-4.0", ["notes"]),
        ("description: Every kind", "description: One kind", []),
        ("method: dapt, phases: [{steps: 2}]", "phases: [{steps: 2, batch: 512}], method: dapt", []),
    ],
)
def test_what_changed_is_made_again_with_what_follows_from_it(
    go: Go, functions: Functions, old: str, new: str, made: list[str]
) -> None:
    go()
    go((old, new))
    assert functions.called == made
    go()
    assert functions.called == [], "what the recipe was before is still there"


def test_a_renamed_stage_is_the_same_work_under_another_name(go: Go, functions: Functions) -> None:
    first = {node.name: node.digest for node in go().nodes}
    renamed = {node.name: node.digest for node in go(("  merged:", "  slerp:"), ("base: merged", "base: slerp")).nodes}
    assert functions.called == ["slerp"]
    assert renamed["slerp"] == first["merged"]
    assert renamed["sft"] == first["sft"]


def test_files_from_outside_count_by_what_they_hold(go: Go, functions: Functions, place: Path) -> None:
    go()
    (place / "elsewhere").mkdir()
    shutil.copy(place / "notes.jsonl", place / "elsewhere" / "notes.jsonl")
    go(("NOTES", str(place / "elsewhere" / "notes.jsonl")))
    assert functions.called == []
    (place / "notes.jsonl").write_text('{"text": "Another note."}\n')
    go()
    assert functions.called == ["notes", "expert", "merged", "sft", "after", "gate"]


def test_a_test_split_that_comes_later_makes_corpora_again_and_nothing_more_if_they_come_out_the_same(
    go: Go, functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    go()
    monkeypatch.setattr(outside, "availability", lambda *_: Availability(present=True))
    go()
    assert functions.called == ["notes", "rows"]


def test_a_gates_policy_lies_beside_the_recipe_and_counts_by_what_it_says(
    go: Go, functions: Functions, place: Path
) -> None:
    own = ("candidate: after", "candidate: after, policy: gate.yaml")
    with pytest.raises(ClueplusError, match=f"gate: no policy {place / 'gate.yaml'}"):
        go(own)
    for text in ("alpha: 0.05\n", "alpha: 0.01\n"):
        (place / "gate.yaml").write_text(text)
        go()
        go(own)
        assert functions.called == ["gate"]
    go(own)
    assert functions.called == []


def test_another_base_changes_everything_that_starts_from_it(go: Go, functions: Functions, place: Path) -> None:
    go()
    (place / "base" / "config.json").write_text('{"model_type": "other"}')
    go()
    assert functions.called == ["expert", "merged", "sft", "before", "after", "gate"]


def test_another_version_of_a_kinds_code_makes_that_kind_again_and_what_follows_if_it_came_out_new(
    go: Go, functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    go()
    monkeypatch.setitem(state.VERSIONS, "merge", state.VERSIONS["merge"] + 1)
    go()
    assert functions.called == ["merged"]
    monkeypatch.setitem(state.VERSIONS, "merge", state.VERSIONS["merge"] + 1)
    functions.salt = "other"
    go()
    assert functions.called == ["merged", "sft", "after", "gate"]


def test_a_corrected_licence_reaches_the_lineage_of_what_is_kept(go: Go, functions: Functions) -> None:
    go()
    outcome = go(("licence: CC0-1.0", "licence: CC-BY-4.0"))
    assert functions.called == ["notes"]
    sft = next(node.place for node in outcome.nodes if node.name == "sft")
    sources = [source.licence for step in read_lineage(sft).steps for source in step.sources]
    assert sources == ["CC-BY-4.0", "Apache-2.0"]
    card = (sft / "README.md").read_text()
    assert "CC-BY-4.0" in card
    assert "| mednli | 25.0 |" in card, "and its scores stay"
    assert any("notes  corpus" in line for line in tree(read_lineage(sft)))


def test_what_a_killed_run_left_untold_is_told_by_the_next_one(go: Go, functions: Functions) -> None:
    sft = next(node.place for node in go().nodes if node.name == "sft")
    whole = {name: (sft / name).read_text() for name in ("lineage.json", "README.md")}
    (sft / "lineage.json").unlink()
    (sft / "README.md").write_text("no scores yet")
    go()
    assert functions.called == []
    assert {name: (sft / name).read_text() for name in whole} == whole


def test_a_stage_that_fails_ends_the_run_and_keeps_what_is_finished(go: Go, functions: Functions) -> None:
    functions.fail = "merged"
    with pytest.raises(ClueplusError) as error:
        go()
    assert str(error.value) == "merged: the disk is full. Fix: free some space"
    assert functions.called == ["notes", "rows", "expert", "merged"]
    functions.fail = None
    go()
    assert functions.called == ["merged", "sft", "before", "after", "gate"]


def test_an_output_without_its_last_file_is_made_again(go: Go, functions: Functions) -> None:
    expert = next(node for node in go().nodes if node.name == "expert")
    for name in (STAGE_NAME, RESULT_NAME):
        (expert.place / name).unlink()
    (expert.place / "left-over").write_text("")
    go()
    assert functions.called == ["expert"]
    assert not (expert.place / "left-over").exists()


def test_a_run_killed_after_a_stage_and_before_its_last_file_does_not_train_again(go: Go, functions: Functions) -> None:
    first = go()
    expert = next(node for node in first.nodes if node.name == "expert")
    (expert.place / STAGE_NAME).unlink()
    (expert.place / "lineage.json").unlink()
    again = go()
    assert functions.called == []
    assert again.made == ["expert"]
    assert outputs(again) == outputs(first)
    assert (expert.place / "lineage.json").is_file()


def test_an_evaluation_that_was_cut_short_goes_on_with_its_answers(go: Go, functions: Functions) -> None:
    before = next(node for node in go().nodes if node.name == "before")
    for name in (STAGE_NAME, RESULT_NAME):
        (before.place / name).unlink()
    (before.place / "answers.jsonl").write_text("{}")
    go()
    assert functions.called == ["before"]
    assert (before.place / "answers.jsonl").is_file()


def test_only_makes_a_stage_and_what_it_needs(go: Go, functions: Functions) -> None:
    go(only="merged")
    assert functions.called == ["notes", "expert", "merged"]
    with pytest.raises(ClueplusError, match=r"small has no stage 'merge'\. Fix: did you mean merged"):
        go(only="merge")


def test_redo_makes_again_and_what_follows_only_when_it_came_out_new(go: Go, functions: Functions) -> None:
    go()
    go(redo=["expert"])
    assert functions.called == ["expert"], "it came out the same, so nothing follows"
    functions.salt = "other"
    go(redo=["expert"])
    assert functions.called == ["expert", "merged", "sft", "after", "gate"]


def test_a_redo_that_was_cut_short_leaves_no_stage_of_the_old_output(go: Go, functions: Functions) -> None:
    go()
    functions.salt, functions.fail = "other", "sft"
    with pytest.raises(ClueplusError):
        go(redo=["expert"])
    functions.fail = None
    outcome = go()
    assert functions.called == ["sft", "after", "gate"]
    records = {node.name: node.record for node in outcome.nodes}
    for record in records.values():
        assert all(one.output == records[one.name].output for one in record.inputs if one.name in records)


def test_two_runs_do_not_work_in_one_folder(go: Go, functions: Functions, place: Path) -> None:
    with Work(place / "work").locked(), pytest.raises(StoreError, match="another run works in"):
        go()
    assert functions.called == []
    go()


def test_what_is_missing_outside_is_told_before_anything_runs(go: Go, functions: Functions, place: Path) -> None:
    (place / "rows.jsonl").unlink()
    with pytest.raises(ClueplusError) as error:
        go()
    assert str(error.value).startswith(f"rows: no {place / 'rows.jsonl'}. Fix: put rows there, as JSONL, Parquet or")
    assert functions.called == []
    go(only="merged")
    assert functions.called == ["notes", "expert", "merged"], "which do not need what is missing"


def test_a_damaged_record_names_the_folder_to_remove(go: Go) -> None:
    notes = go().nodes[0]
    (notes.place / STAGE_NAME).write_text("{")
    with pytest.raises(StoreError, match=f"Fix: remove {notes.place}"):
        go()


def test_an_output_of_other_work_in_the_same_place_does_not_count(go: Go, functions: Functions) -> None:
    """Places are named by the first digits of a digest, and anybody can rename a folder."""
    notes = go().nodes[0]
    record = json.loads((notes.place / STAGE_NAME).read_text())
    (notes.place / STAGE_NAME).write_text(json.dumps({**record, "digest": record["digest"][:12] + "0" * 52}))
    (notes.place / RESULT_NAME).unlink()
    go()
    assert functions.called == ["notes"]


def test_large_files_are_hashed_once(go: Go, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go()
    work = Work(place / "work")
    asked = work.remembered([place / "notes.jsonl"], lambda: pytest.fail("it was hashed again"))
    assert len(asked) == 64
    (place / "notes.jsonl").write_text('{"text": "longer than before"}\n')
    assert work.remembered([place / "notes.jsonl"], lambda: "new") == "new"
