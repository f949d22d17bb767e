"""The GitHub action's steps, run in bash as a runner would, on shipped samples."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from clueplus.records.run import write_run
from tests.support.runs import make_run

ROOT = Path(__file__).resolve().parents[1]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
# As GitHub calls it: docs.github.com, "Workflow syntax", jobs.<job_id>.steps[*].shell.
BASH = ["bash", "--noprofile", "--norc", "-eo", "pipefail"]

Outputs = dict[str, dict[str, str]]


class Job:
    """One use of the action: its inputs, and what its steps left behind."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.folder = folder
        defaults = {name: str(value.get("default", "")) for name, value in ACTION["inputs"].items()}
        assert inputs.keys() <= defaults.keys()
        self.inputs = defaults | {"install": ""} | inputs
        self.outputs: Outputs = {}
        self.log = ""
        self.summary = folder / "summary.md"
        self.summary.touch()

    def run(self) -> int:
        """The exit code of the first step that fails, else 0; steps with `uses` are other people's."""
        for step in STEPS:
            if "run" not in step or not self.wanted(step.get("if", "")):
                continue
            code = self.step(step)
            if code:
                return code
        return 0

    def wanted(self, condition: str) -> bool:
        if not condition:
            return True
        parts = re.fullmatch(r"inputs\.([\w-]+) != ''", condition)
        assert parts, f"teach this test the condition {condition}"
        return self.inputs[parts[1]] != ""

    def step(self, step: dict[str, Any]) -> int:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an input in a script is a way in for whoever writes it"
        output = self.folder / f"{step['id']}.output"
        output.touch()
        result = subprocess.run(
            [*BASH, "-c", step["run"]],
            cwd=self.folder,
            env={
                **os.environ,
                **{name: self.filled(value) for name, value in step.get("env", {}).items()},
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "CLUEPLUS_DATA_DIR": str(self.folder / "data"),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(self.summary),
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.log += result.stdout + result.stderr
        lines = output.read_text().splitlines()
        self.outputs[step["id"]] = dict(line.split("=", 1) for line in lines)
        return result.returncode

    def filled(self, value: str) -> str:
        parts = re.fullmatch(r"\$\{\{ (inputs|steps)\.([\w-]+)(?:\.outputs\.([\w-]+))? \}\}", value)
        assert parts, value
        return self.inputs[parts[2]] if parts[1] == "inputs" else self.outputs.get(parts[2], {}).get(parts[3], "")


def evaluated(folder: Path, model: str) -> str:
    command = [sys.executable, "-m", "clueplus", "evaluate", "--model", model, "--tasks", "medec,icd10cm"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CLUEPLUS_DATA_DIR": str(folder / "data")}
    subprocess.run([*command, "--results-dir", "in-use"], cwd=folder, env=environment, check=True, capture_output=True)
    return str(next((folder / "in-use").rglob("run.json")).parent.relative_to(folder))


def test_a_checkpoint_is_evaluated_and_judged(tmp_path: Path) -> None:
    baseline = evaluated(tmp_path, "baseline:nearest")
    inputs = {
        "baseline": baseline,
        "model": "baseline:majority",
        "tasks": "medec,icd10cm",
        "variant": "sample",
        "history": "history.jsonl",
        "evaluate-args": "--concurrency 4",
    }
    job = Job(tmp_path, **inputs)
    assert job.run() == 2, job.log
    assert job.outputs["gate"] == {"exit-code": "2", "verdict": "INCONCLUSIVE"}
    assert job.outputs["evaluate"]["candidate"].startswith("results/baseline-majority/")
    assert job.summary.read_text().startswith("## clueplus gate: INCONCLUSIVE\n")
    assert "::error title=clueplus gate%3A INCONCLUSIVE::" in job.log
    reports = tmp_path / "clueplus-gate"
    assert {path.name for path in reports.iterdir()} == {
        f"verdict.{ending}" for ending in ("json", "md", "xml", "html")
    }
    assert json.loads((reports / "verdict.json").read_text())["status"] == "INCONCLUSIVE"
    assert (tmp_path / "history.jsonl").read_text().count("\n") == 1

    again = Job(tmp_path, **{**inputs, "candidate": job.outputs["evaluate"]["candidate"], "allow-inconclusive": "true"})
    assert again.run() == 0, again.log
    assert again.outputs["gate"]["verdict"] == "INCONCLUSIVE"


RIGHT = [float(n % 10 < 6) for n in range(500)]
WRONG = [float(n % 10 < 4) for n in range(500)]


@pytest.fixture
def in_use(tmp_path: Path) -> Path:
    run = make_run({"medec": RIGHT}, name="in-use")
    write_run(tmp_path / "in-use", run.record, run.items)
    return tmp_path


@pytest.mark.parametrize(
    ("values", "fields", "code", "verdict"),
    [
        (RIGHT, {}, 0, "PASS"),
        (WRONG, {}, 1, "FAIL"),
        (RIGHT, {"template": "b" * 64}, 3, "NOT COMPARABLE"),
    ],
)
def test_the_job_ends_with_the_verdict(
    in_use: Path, values: list[float], fields: dict[str, Any], code: int, verdict: str
) -> None:
    run = make_run({"medec": values}, name="candidate", **fields)
    write_run(in_use / "a candidate; with spaces", run.record, run.items)
    job = Job(in_use, baseline="in-use", candidate="a candidate; with spaces", artifact="")
    assert job.run() == code, job.log
    assert job.outputs["gate"]["verdict"] == verdict


def test_a_users_error_is_no_verdict_and_fails_even_where_inconclusive_may_pass(in_use: Path) -> None:
    job = Job(in_use, **{"baseline": "in-use", "candidate": "nowhere", "allow-inconclusive": "true"})
    assert job.run() == 4
    assert job.outputs["gate"] == {"exit-code": "4", "verdict": ""}
    nothing = Job(in_use, baseline="in-use")
    assert nothing.run() == 4
    assert "give the input 'model', or 'candidate'" in nothing.log


def test_an_evaluation_that_fails_never_reaches_the_gate(in_use: Path) -> None:
    job = Job(in_use, baseline="in-use", model="baseline:nobody", variant="sample")
    assert job.run() == 2
    assert "gate" not in job.outputs


def test_what_the_action_declares_is_what_it_uses() -> None:
    text = (ROOT / "action.yml").read_text()
    used = set(re.findall(r"inputs\.([\w-]+)", text))
    assert used == set(ACTION["inputs"])
    assert set(re.findall(r"steps\.(\w+)\.", text)) <= {step["id"] for step in STEPS}


def test_the_workflows_of_the_docs_are_yaml_and_use_inputs_that_there_are() -> None:
    text = (ROOT / "docs" / "ci.md").read_text()
    github, gitlab = (yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, flags=re.M | re.S))
    step = next(step for step in github["jobs"]["gate"]["steps"] if step.get("id") == "gate")
    assert step["with"].keys() <= ACTION["inputs"].keys()
    assert {name for name, value in ACTION["inputs"].items() if value.get("required")} <= step["with"].keys()
    assert all(isinstance(line, str) for line in gitlab["gate"]["script"])
    documented = set(re.findall(r"`([\w-]+)`", "".join(re.findall(r"^\| (`.*?) \|", text, flags=re.M))))
    assert documented == set(ACTION["inputs"])
