"""The records of the repository: valid, small, without text or machine, and what the code that is here makes."""

import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from clueplus.cli.main import app
from clueplus.records.run import RunRecord, TaskRecord, read_run
from tools.publish_baselines import BASELINES, LEFT_OUT, TASKS, publish

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
RECORDS = sorted(RESULTS.rglob("run.json"))
MOST_BYTES = 6_000_000
_LABEL = re.compile(r"[\w.:/-]{1,40}")


def test_there_is_a_record_of_each_baseline_and_variant() -> None:
    wanted = {f"{model.replace(':', '-')}/{variant}" for model in BASELINES for variant in TASKS}
    assert {path.parent.relative_to(RESULTS).as_posix() for path in RECORDS} == wanted
    assert sum(path.stat().st_size for path in RESULTS.rglob("*") if path.is_file()) < MOST_BYTES


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.parent.relative_to(RESULTS).as_posix())
def test_a_record_is_whole(path: Path) -> None:
    _, record, items = read_run(path)
    variant = path.parent.name
    assert (record.run, record.variant, record.status, record.imported) == (variant, variant, "complete", None)
    assert record.command == [
        *("clueplus", "evaluate", "--model", record.model.name, "--variant", variant),
        *("--tasks", ",".join(TASKS[variant])),
    ]
    counted = Counter((item.task, item.outcome) for item in items)
    for task in record.tasks:
        assert task.data.tier == "open"
        assert (task.limit, task.outcomes["infrastructure_error"]) == (None, 0)
        assert task.no_items == (LEFT_OUT if task.name == "icd10cm" else None)
        for outcome, number in task.outcomes.items():
            assert counted[task.name, outcome] == (0 if task.no_items else number)
        assert (task.score.value is None) == (task.name == "meqsum")
        assert task.score.value is not None or "bertscore_f1" in str(task.score.reason)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.parent.relative_to(RESULTS).as_posix())
def test_a_record_tells_nothing_of_the_machine_and_no_text(path: Path) -> None:
    written = path.read_text()
    assert re.findall(r'"(?:/|~|[A-Za-z]:\\)[^"]*"', written) == []
    assert not re.search(r"/(?:home|root|tmp|work|mnt|Users)/", written)
    assert "@" not in written
    for item in read_run(path)[2]:
        for label in (item.id, item.cluster, *item.groups.values()):
            assert _LABEL.fullmatch(label), "an id or a category, not a sentence"


def _numbers(task: TaskRecord) -> dict[str, Any]:
    return task.model_dump(exclude={"no_items"})


@pytest.mark.parametrize(("model", "variant", "name"), [
    ("baseline:nearest", "official", "medec"), ("baseline:majority", "open", "sdoh"),
])  # fmt: skip
def test_the_code_that_is_here_makes_the_same_record(
    data_mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, variant: str, name: str
) -> None:
    """When a change of scoring is meant, `make results` writes the records anew."""
    monkeypatch.setenv("CLUEPLUS_DATA_MIRROR", str(data_mirror))
    monkeypatch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path / "data"))
    found = publish(model, variant, (name,), tmp_path)
    _, record, items = read_run(RESULTS / model.replace(":", "-") / variant)
    assert found.folder == tmp_path / model.replace(":", "-") / variant
    (task,) = found.record.tasks
    assert _numbers(task) == _numbers(_of(record, name))
    assert found.items == [item for item in items if item.task == name]
    assert found.record.model.identity[name] == record.model.identity[name]
    assert not list(tmp_path.rglob("responses*"))


def _of(record: RunRecord, name: str) -> TaskRecord:
    return next(task for task in record.tasks if task.name == name)


def test_items_above_the_limit_are_left_out_and_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.publish_baselines.MOST_ITEMS", 14)
    found = publish("baseline:majority", "sample", ("medec", "meqsum"), tmp_path)
    _, record, items = read_run(found.folder)
    assert [(task.name, task.documents, task.no_items) for task in record.tasks] == [
        ("medec", 15, LEFT_OUT), ("meqsum", 14, None),
    ]  # fmt: skip
    assert {item.task for item in items} == {"meqsum"}
    assert _of(record, "medec").score.low is not None, "the interval was computed from the items"


def test_git_keeps_the_published_records_and_nothing_else() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    paths = {
        "results/baseline-lead/official/items.jsonl": True,
        "results/baseline-lead/open/run.json": True,
        "results/baseline-lead/20260101T120000Z/run.json": False,
        "results/baseline-lead/responses.jsonl.gz": False,
        "results/my-model/official/run.json": False,
        "results/my-model/responses.jsonl": False,
    }
    call = ["git", "check-ignore", "--no-index", *paths]
    ignored = subprocess.run(call, cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert {path: path not in ignored for path in paths} == paths


def _workflow() -> dict[Any, Any]:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "results.md").read_text(), flags=re.M | re.S)
    found: dict[Any, Any] = yaml.safe_load(block)
    return found


def test_the_workflow_of_the_docs_may_publish_and_no_more() -> None:
    workflow = _workflow()
    assert workflow["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}
    assert workflow[True]["push"] == {"branches": ["main"], "paths": ["results/**"]}, "YAML reads 'on' as true"
    (job,) = workflow["jobs"].values()
    uses = [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step]
    assert uses == [f"actions/{name}" for name in ("checkout", "setup-python", "upload-pages-artifact", "deploy-pages")]
    assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    site = next(step for step in job["steps"] if step.get("uses", "").startswith("actions/upload"))["with"]["path"]
    build = next(step["run"] for step in job["steps"] if "leaderboard" in step.get("run", ""))
    assert build.endswith(f"--out {site}")
    assert job["environment"]["url"] == "${{ steps.deploy.outputs.page_url }}"
    assert job["steps"][-1]["id"] == "deploy"


def test_the_workflow_s_own_steps_run(tmp_path: Path) -> None:
    if "leaderboard" not in {group.name for group in app.registered_groups}:
        pytest.skip("no command 'leaderboard' in this version")
    (tmp_path / "results").symlink_to(RESULTS)
    (job,) = _workflow()["jobs"].values()
    for command in (step["run"] for step in job["steps"] if "run" in step):
        if command == "python -m pip install clueplus":
            continue  # tests/test_install.py installs the package
        program, *words = shlex.split(command)
        assert program == "clueplus"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", program, *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "site" / "index.html").is_file()
