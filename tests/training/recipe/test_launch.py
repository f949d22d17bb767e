"""A training in processes of accelerate: what it is told, what is heard of it, and how it fails."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clueplus.errors import ClueplusError
from clueplus.training.recipe import launch
from clueplus.training.recipe.job import Job
from clueplus.training.recipe.spec import Recipe
from clueplus.training.trained import Progress
from clueplus.training.worker import Job as WorkerJob
from clueplus.training.worker import result_path
from tests.training.recipe.conftest import Heard

WORKER = """\
import json, pathlib, shutil, sys
job = pathlib.Path(sys.argv[-1])
shutil.copy(job, pathlib.Path(__file__).with_name("told.json"))
print("a line of accelerate's own")
print(json.dumps({"note": "phase1 begins"}))
state = {"step": 1, "steps": 2, "loss": 0.5, "tokens": 9, "tokens_per_second": None, "mfu": None, "seconds_left": 1.0}
print(json.dumps({"progress": state}))
job.with_suffix(".result.json").write_text(json.dumps({"steps": 2, "tokens": 9, "losses": {}}))
sys.exit(CODE)
"""


class Listener(Heard):
    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.states: list[Progress] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def progress(self, state: Any) -> None:
        self.states.append(state)


@pytest.fixture
def train(
    write: Callable[..., Recipe], place: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], tuple[dict[str, Any], Listener]]:
    """Trains the recipe's expert through a worker that ends with a code."""

    def call(code: int) -> tuple[dict[str, Any], Listener]:
        recipe = write(("stages:\n", "launch: one.yaml\nstages:\n"))
        (place / "worker.py").write_text(WORKER.replace("CODE", str(code)))
        monkeypatch.setattr(launch, "command", lambda config: [sys.executable, str(place / "worker.py"), config.name])
        listener = Listener()
        stage = recipe.stages["expert"]
        job = Job("expert", stage, recipe, place / "base", {}, place / "out", listener)
        return launch.train(stage.expert.spec(), place / "base", place / "corpus", job), listener

    return call


def test_the_workers_are_told_the_job_and_heard(train: Any, place: Path) -> None:
    (place / "one.yaml").write_text("num_processes: 2\n")
    result, heard = train(0)
    assert result == {"steps": 2, "tokens": 9, "losses": {}}
    assert heard.notes == ["phase1 begins"]
    assert [(state.step, state.loss) for state in heard.states] == [(1, 0.5)]
    told = WorkerJob.model_validate_json((place / "told.json").read_bytes())
    assert told.function == "train_expert"
    assert (told.base, told.data, told.out) == (place / "base", place / "corpus", place / "out")
    assert told.spec["phases"][0]["steps"] == 2


def test_workers_that_fail_fail_the_stage(train: Any, place: Path) -> None:
    (place / "one.yaml").write_text("num_processes: 2\n")
    with pytest.raises(ClueplusError, match="accelerate launch ended with 3"):
        train(3)


def test_a_launch_configuration_that_is_not_there_is_named(train: Any, place: Path) -> None:
    with pytest.raises(ClueplusError, match=f"launch: no file {place / 'one.yaml'}"):
        train(0)


def test_accelerate_is_told_its_configuration_and_the_worker(tmp_path: Path) -> None:
    words = launch.command(tmp_path / "c.yaml")
    assert words[words.index("--config_file") + 1] == str(tmp_path / "c.yaml")
    assert words[-2:] == ["-m", "clueplus.training.worker"]
    assert result_path(tmp_path / "job.json") == tmp_path / "job.result.json"
    assert json.dumps(words)
