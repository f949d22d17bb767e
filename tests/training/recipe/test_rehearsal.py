"""The shipped recipes on a model of two layers: everything runs, it learns, and a killed run ends the same.

In CI one small recipe is killed three times; CLUEPLUS_ALL_KILLS=1 kills the whole of mediphi ten times.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from clueplus.gate.verdict import read_verdict
from clueplus.records.lineage import check_lineage, read_lineage
from clueplus.records.run import read_run
from clueplus.training.merging.report import MergeReport
from clueplus.training.recipe.find import read_recipe

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

EXPERTS = ["pubmed-expert", "clinical-expert", "medcode-expert", "guideline-expert", "medwiki-expert"]
MODELS = ("expert", "merge", "align")


def start(recipe: str, folder: Path) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CLUEPLUS_DATA_DIR": str(folder / "no")}
    for name in ("CLUEPLUS_DATA_MIRROR", "PYTHONDONTWRITEBYTECODE", "OMP_NUM_THREADS"):
        environment.pop(name, None)
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[3])
    words = ["train", "run", recipe, "--rehearse", "--work", "work", "--json"]
    command = [sys.executable, "-m", "clueplus", *words]
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


class Stages(NamedTuple):
    """What a finished run says of its stages, by name."""

    folder: Path
    made: list[str]
    by_name: dict[str, dict[str, Any]]

    def place(self, name: str) -> Path:
        return self.folder / self.by_name[name]["place"]

    def result(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.by_name[name]["result"]
        return found

    @property
    def outputs(self) -> dict[str, str]:
        return {name: stage["output"] for name, stage in self.by_name.items()}


def finished(process: subprocess.Popen[str], folder: Path) -> Stages:
    out, err = process.communicate(timeout=1500)
    assert process.returncode in (0, 1), err[-3000:]
    told = json.loads(out)
    return Stages(folder, told["made"], {stage["name"]: stage for stage in told["stages"]})


@pytest.fixture(scope="module")
def mediphi(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    """The whole graph, rehearsed by the command line."""
    folder = tmp_path_factory.mktemp("mediphi")
    started = time.perf_counter()
    stages = finished(start("mediphi", folder), folder)
    for name, stage in stages.by_name.items():
        print(f"{name:28}{stage['seconds']:8.1f} s")
    print(f"{'whole process':28}{time.perf_counter() - started:8.1f} s")
    return stages


def test_every_stage_of_the_recipe_is_made(mediphi: Stages) -> None:
    assert mediphi.made == read_recipe("mediphi").order()


def test_every_expert_lowers_the_loss_on_held_out_documents_of_its_corpus(mediphi: Stages) -> None:
    for name in EXPERTS:
        losses = mediphi.result(name)["losses"]
        assert losses["held_out_after"] < losses["held_out_before"] - 0.5, name


def test_sft_raises_the_score_of_tasks_whose_form_it_teaches(mediphi: Stages) -> None:
    """Natural language inference in one word: before, no answer is one; the baseline of guessing is a third."""
    scores = {name: mediphi.result(f"evaluate-{name}")["tasks"]["mednli"] for name in ("base", "merged", "sft")}
    assert scores["sft"] > max(scores["base"], scores["merged"]) + 0.15
    record = read_run(mediphi.place("evaluate-sft") / mediphi.result("evaluate-sft")["run"]).record
    assert all(task.outcomes["scored"] > task.outcomes["unscorable"] for task in record.tasks)
    losses = mediphi.result("sft")["losses"]
    assert losses["phase1_last"] < losses["phase1_first"] - 3


def test_dpo_prefers_the_chosen_answers(mediphi: Stages) -> None:
    losses = mediphi.result("dpo")["losses"]
    assert losses["phase1_first"] == pytest.approx(0.693, abs=0.01), "of a model that is its own reference"
    assert losses["phase1_last"] < losses["phase1_first"] - 0.001


def test_merges_lie_between_what_they_were_made_from(mediphi: Stages) -> None:
    cosines = {name: mediphi.result(f"{name}-slerp")["summary"]["cosine_to_base"] for name in ("medcode", "medwiki")}
    assert 0.5 < cosines["medcode"] < cosines["medwiki"] < 1.0, "half of an expert is farther from the base"
    report = MergeReport.model_validate_json((mediphi.place("breadcrumbs") / "merge_report.json").read_text())
    assert {one.model for one in report.inputs} == {"base", *(f"{name[:-7]}-slerp" for name in EXPERTS)}


def test_the_verdict_is_recorded(mediphi: Stages) -> None:
    verdict = read_verdict(mediphi.place("gate") / "verdict.json")
    assert verdict.status == mediphi.result("gate")["status"]
    assert verdict.candidate.model == mediphi.place("dpo").name


def test_every_checkpoint_tells_where_it_comes_from_and_nothing_else(mediphi: Stages) -> None:
    text = (Path(__file__).resolve().parents[3] / "training/rehearsal/pubmed.jsonl").read_text()
    document = json.loads(text.splitlines()[0])["text"][:60]
    for name, stage in mediphi.by_name.items():
        if stage["kind"] not in MODELS:
            continue
        lineage = read_lineage(mediphi.place(name))
        check_lineage(mediphi.place(name), lineage)
        assert lineage.checkpoint == stage["output"]
        assert lineage.recipe.rehearsal
        for file in ("lineage.json", "README.md", "merge_report.json"):
            path = mediphi.place(name) / file
            told = path.read_text() if path.is_file() else ""
            assert str(mediphi.folder) not in told
            assert "/training/rehearsal" not in told
            assert document not in told
    names = [step.name for step in read_lineage(mediphi.place("dpo")).steps]
    assert names[0] == "rehearsal"
    assert names[-1] == "dpo"
    assert {*EXPERTS, "breadcrumbs", "sft", "pubmed", "instructions", "preferences"} < set(names)
    assert {"ties", "task-arithmetic"}.isdisjoint(names), "which it was not made from"


def test_the_record_and_the_card_of_the_final_model_know_each_other(mediphi: Stages) -> None:
    record = read_run(mediphi.place("evaluate-final") / mediphi.result("evaluate-final")["run"]).record
    assert record.command == ["clueplus", "train", "run", "mediphi", "--rehearse", "--only", "evaluate-final"]
    assert record.model.origin is not None
    assert record.model.origin.checkpoint == mediphi.by_name["dpo"]["output"]
    assert {source.name for source in record.model.origin.sources} >= {"pubmed", "medcode", "preferences"}
    assert "## Scores: evaluate-final" in (mediphi.place("dpo") / "README.md").read_text()


def killed(recipe: str, whole: Stages, folder: Path, kills: int) -> Stages:
    """The run, killed at seeded random moments: in the middle of this or that stage, as long as it took before."""
    draw = random.Random(len(whole.made))
    seconds = [whole.by_name[name]["seconds"] for name in whole.made]
    moments = sorted(draw.choices(range(len(seconds)), seconds, k=kills))
    deaths = 0
    for done in moments:
        process = start(recipe, folder)
        pause = draw.uniform(0, seconds[done])
        while process.poll() is None and len(list((folder / "work").glob("*/*/stage.json"))) < done:
            time.sleep(0.01)
        try:
            process.wait(timeout=pause)
        except subprocess.TimeoutExpired:
            process.kill()
            deaths += 1
        process.communicate()
    assert deaths, "it was never killed"
    return finished(start(recipe, folder), folder)


def test_a_run_that_was_killed_ends_with_the_same_digests(tmp_path: Path) -> None:
    whole = finished(start("medcode", tmp_path / "whole"), tmp_path / "whole")
    again = killed("medcode", whole, tmp_path / "killed", kills=3)
    assert again.outputs == whole.outputs
    kept = finished(start("medcode", tmp_path / "killed"), tmp_path / "killed")
    assert kept.made == []


@pytest.mark.skipif(not os.environ.get("CLUEPLUS_ALL_KILLS"), reason="ten kills take minutes: CLUEPLUS_ALL_KILLS=1")
def test_the_whole_graph_is_killed_ten_times(mediphi: Stages, tmp_path: Path) -> None:
    assert killed("mediphi", mediphi, tmp_path / "killed", kills=10).outputs == mediphi.outputs
