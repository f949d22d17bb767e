"""The wheel: content travels inside it and is found in the same way as from a checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    result = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return next(folder.glob("*.whl"))


def run_installed(wheel: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    environment = {**os.environ, "PYTHONPATH": str(folder / "site"), "CLUEPLUS_DATA_DIR": str(folder / "data")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "clueplus", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_the_wheel_carries_every_content_file_and_no_other_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("clueplus/content/")}
    kinds = ("tasks", "models", "training", "leaderboard")
    tracked = subprocess.run(["git", "ls-files", *kinds], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {f"clueplus/content/{path}" for path in tracked.split()} <= names
    assert not [name for name in names if name.endswith((".csv", ".xlsx", ".gz", ".pyc"))]


def test_an_installed_wheel_lists_and_evaluates_like_a_checkout(wheel: Path, tmp_path: Path) -> None:
    listed = run_installed(wheel, tmp_path, "tasks", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    here = subprocess.run(
        [sys.executable, "-m", "clueplus", "tasks", "list", "--json"],
        env={**os.environ, "CLUEPLUS_DATA_DIR": str(tmp_path / "data")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(listed.stdout) == json.loads(here.stdout)
    where = run_installed(wheel, tmp_path, "evaluate", "--model", "baseline:majority", "--tasks", "medec", "--json")
    assert where.returncode == 0, where.stderr
    assert json.loads(where.stdout)["tasks"][0]["score"]["n"] == 15


def test_the_core_needs_no_torch() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core = set(project["dependencies"])
    extras = project["optional-dependencies"]
    assert not [name for name in core if name.startswith(("torch", "transformers", "vllm", "datasets", "ray"))]
    assert set(extras) == {"hf", "vllm", "merge", "train", "concepts", "icd9", "radiology", "ray", "dev"}
    assert not [name for names in [core, *extras.values()] for name in names if "+cpu" in name]
