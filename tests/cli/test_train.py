"""`clueplus train` as it is typed. Stage functions take no time here; the real ones run in the rehearsal's tests."""

import json
from pathlib import Path
from typing import Any

import pytest

from clueplus.training.recipe import functions as stages
from tests.training.recipe.conftest import ORDER, Functions, functions, place, write

__all__ = ["functions", "place", "write"]
Cli = Any


@pytest.fixture
def recipe(write: Any, functions: Functions, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the small recipe; its stages run in no time."""
    monkeypatch.setattr(stages, "stage_functions", functions.table)
    path: Path = write().path
    return path


def test_a_plan_shows_stages_states_sizes_and_assumptions(cli: Cli) -> None:
    result = cli("train", "plan", "mediphi", "--peak-tflops", "500", "--mfu", "0.5", "--price", "2")
    assert result.code == 0
    for word in ("medcode-slerp", "merge slerp", "3,821,079,552 parameters, not on this machine yet", "7.6 GB"):
        assert word in result.out
    assert "missing: guideline: no corpora/guidelines. Fix: put guidelines (https://" in result.out
    assert "500 TFLOP/s a device at 50%" in result.out


def test_the_estimate_is_six_operations_a_weight_and_token(cli: Cli) -> None:
    plan = json.loads(cli("train", "plan", "mediphi", "--json").out)
    stages = {stage["name"]: stage for stage in plan["stages"]}
    flops = 6 * 3_821_079_552 * 48e9
    assert stages["pubmed-expert"]["estimate"]["flops"] == pytest.approx(flops)
    assert stages["pubmed-expert"]["estimate"]["hours"] == pytest.approx(flops / (989e12 * 0.4) / 3600)
    assert stages["medcode-expert"]["estimate"]["tokens"] == 3 * 257_000_000, "one epoch, then two"
    assert stages["dpo"]["estimate"]["flops"] == pytest.approx(8 * 3_821_079_552 * 119e6)
    assert plan["hours"] == pytest.approx(sum(stage["estimate"]["hours"] or 0 for stage in plan["stages"]))
    assert plan["price"] is None


def test_a_plan_writes_nothing(cli: Cli, recipe: Path, place: Path) -> None:
    before = sorted(place.rglob("*"))
    assert cli("train", "plan", recipe).code == 0
    assert cli("train", "status", recipe).code == 0
    assert sorted(place.rglob("*")) == before


def test_a_run_then_status_then_lineage(cli: Cli, recipe: Path, functions: Functions, tmp_path: Path) -> None:
    result = cli("train", "run", recipe, "--json")
    assert result.code == 1, "its gate says FAIL"
    told = json.loads(result.out)
    assert told["made"] == ORDER
    again = cli("train", "run", recipe)
    assert again.code == 1
    assert "small: 0 stages made, 8 done\ngate: FAIL\ncheckpoint: work/small/align/sft-" in again.out
    status = cli("train", "status", recipe)
    assert "8 of 8 stages are done" in status.out
    assert "average 25.0" in status.out
    sft = next(stage["place"] for stage in told["stages"] if stage["name"] == "sft")
    drawn = cli("train", "lineage", sft, "--check")
    assert drawn.code == 0
    assert "├─ merged  merge (slerp)" in drawn.out
    assert json.loads(cli("train", "lineage", sft, "--json").out)["recipe"]["name"] == "small"


def test_the_work_folder_is_the_users_to_choose(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    assert cli("train", "run", recipe, "--work", "elsewhere", "--only", "merged").code == 0
    assert {path.name for path in (tmp_path / "elsewhere").iterdir() if path.is_dir()} == {"corpus", "expert", "merge"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "medifi"), "error: unknown recipe 'medifi'. Fix: did you mean mediphi"),
        (
            ("plan", "no/such.yaml"),
            "error: no/such.yaml: no such file. Fix: give a recipe's file, or a name: medcode, mediphi",
        ),
        (("run", "mediphi", "--only", "sff"), "error: mediphi has no stage 'sff'. Fix: did you mean sft?"),
        (("run", "mediphi", "--rehears"), "error: No such option: --rehears"),
        (("lineage", "."), "error: . has no lineage.json. Fix: give the folder of a checkpoint that clueplus train"),
        (("plan", "mediphi", "--mfu", "2"), "error: Invalid value for '--mfu'"),
    ],
)
def test_a_mistake_is_one_line_with_the_fix(cli: Cli, words: tuple[str, ...], said: str) -> None:
    result = cli("train", *words)
    assert result.code == 2
    assert result.error.startswith(said)


def test_a_real_run_without_corpora_says_what_to_put_where(
    cli: Cli, functions: Functions, monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    monkeypatch.setattr(stages, "stage_functions", functions.table)
    text = Path(__file__).resolve().parents[2].joinpath("training/mediphi.yaml").read_text()
    (place / "mine.yaml").write_text(text.replace("base: phi-3.5-mini-instruct", f"base: {place / 'base'}"))
    result = cli("train", "run", place / "mine.yaml")
    assert result.code == 2
    assert result.error.startswith("error: pubmed: no corpora/pmc-commercial (and 9 more: clueplus train plan shows")
    assert "Fix: put pmc-commercial (https://pmc.ncbi.nlm.nih.gov/" in result.error
    assert functions.called == []


def test_a_stage_that_fails_says_where_and_how_to_go_on(cli: Cli, recipe: Path, functions: Functions) -> None:
    functions.fail = "merged"
    result = cli("train", "run", recipe)
    assert result.code == 2
    assert result.error == "error: merged: the disk is full. Fix: free some space"
    assert "stopped in merged; what is finished is kept" in result.err


def test_ctrl_c_says_how_to_go_on(
    cli: Cli, recipe: Path, functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(job: Any) -> Any:
        raise KeyboardInterrupt

    table = functions.table()
    monkeypatch.setattr(stages, "stage_functions", lambda: {**table, "merge": interrupted})
    result = cli("train", "run", recipe)
    assert result.code == 130
    assert "interrupted: finished stages are stored; the same command goes on from there" in result.err
    monkeypatch.setattr(stages, "stage_functions", lambda: table)
    functions.called.clear()
    assert cli("train", "run", recipe).code == 1
    assert functions.called == ["merged", "sft", "before", "after", "gate"]


@pytest.mark.parametrize("command", ["plan", "run", "status", "lineage"])
def test_help_has_an_example(cli: Cli, command: str) -> None:
    result = cli("train", command, "--help")
    assert result.code == 0
    assert f"clueplus train {command} " in result.out
    assert "Example" in result.out


def test_names_are_completed(write: Any) -> None:
    from types import SimpleNamespace

    from clueplus.cli.train import complete_recipes, complete_stages

    assert complete_recipes("medi") == ["mediphi"]
    context: Any = SimpleNamespace(params={"recipe": "mediphi"})
    assert complete_stages(context, "medcode") == ["medcode", "medcode-expert", "medcode-slerp"]
    assert complete_stages(SimpleNamespace(params={"recipe": "none"}), "") == []  # type: ignore[arg-type]
