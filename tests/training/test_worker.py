"""Trainings as processes of their own, one or several of them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from clueplus.training.experts.train import train_expert
from clueplus.training.worker import main, result_path
from tests.support.training import (
    SENTENCES,
    Heard,
    align_spec,
    dapt,
    instruction_rows,
    metrics,
    write_corpus,
    write_rows,
)

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = ROOT / "training" / "launch"
COMMAND = "accelerate launch --config_file training/launch/one_machine.yaml -m clueplus.training.worker job.json"


def write_job(folder: Path, **fields: Any) -> Path:
    path = folder / "job.json"
    path.write_text(json.dumps({name: str(v) if isinstance(v, Path) else v for name, v in fields.items()}))
    return path


def test_a_worker_leaves_what_came_out_beside_its_job(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = write_rows(tmp_path / "rows", instruction_rows(3))
    spec = align_spec("sft", warmup_steps=2, steps=2).model_dump(mode="json")
    job = write_job(tmp_path, function="align", spec=spec, base=base, data=rows, out=tmp_path / "out")
    with pytest.raises(SystemExit) as left:
        main([str(job)])
    assert left.value.code == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = json.loads(result_path(job).read_text())
    assert lines[0] == {"note": "phase1 has 2 steps and warms up for 2: its learning rate is never reached"}
    assert [line["progress"]["step"] for line in lines[1:]] == [1, 2]
    assert told["steps"] == 2
    assert told["losses"]["phase1_last"] == lines[-1]["progress"]["loss"]


def test_what_is_no_job_is_one_line(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = {"function": "train_expert", "spec": dapt().model_dump(mode="json"), "base": base, "data": tmp_path}
    for fields, told in (
        ({**good, "out": tmp_path / "o", "spec": {"method": "dapt"}}, "phases: Field required"),
        ({**good, "out": tmp_path / "o", "function": "merge"}, "function: Input should be"),
        ({**good, "out": tmp_path / "o", "steps": 3}, "steps: Extra inputs are not permitted"),
        (good, "out: Field required"),
        ({**good, "out": tmp_path / "o"}, "has no documents.jsonl"),
    ):
        with pytest.raises(SystemExit) as left:
            main([str(write_job(tmp_path, **fields))])
        error = capsys.readouterr().err
        assert left.value.code == 2
        assert told in error
        assert error.count("\n") == 1
    for words in ([], ["a", "b"], ["--help"]):
        with pytest.raises(SystemExit, match="usage: "):
            main(words)
    with pytest.raises(SystemExit):
        main([str(tmp_path / "absent.json")])
    assert "is no job: FileNotFoundError" in capsys.readouterr().err


@pytest.mark.e2e
def test_two_processes_take_the_same_step_and_one_of_them_writes(base: Path, tmp_path: Path, heard: Heard) -> None:
    """The command of the docs; without GPUs its processes talk over gloo on the CPU."""
    assert COMMAND in (ROOT / "docs" / "training-at-scale.md").read_text()
    corpus = write_corpus(tmp_path / "c", SENTENCES[:20])
    spec = dapt(batch=4, max_length=96, steps=2, save_steps=1)
    one = train_expert(spec, base, corpus, tmp_path / "one", heard)
    described = {"base": base, "data": corpus, "out": tmp_path / "two", "spec": spec.model_dump(mode="json")}
    job = write_job(tmp_path, function="train_expert", **described)
    words = COMMAND.replace("training/launch", str(LAUNCH)).replace("job.json", str(job)).split()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    launcher = [sys.executable, "-m", "accelerate.commands.launch", *words[2:]]
    ran = subprocess.run(launcher, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
    two = json.loads(result_path(job).read_text())
    assert two["facts"]["processes"] == 2
    assert two["tokens"] == one.tokens
    assert two["trained_tokens"] == one.trained_tokens
    assert two["losses"]["phase1_first"] == pytest.approx(one.losses["phase1_first"], rel=1e-5)
    assert two["losses"]["phase1_last"] == pytest.approx(one.losses["phase1_last"], rel=1e-4)
    assert [row["step"] for row in metrics(tmp_path / "two")] == [1, 2]
    assert ran.stdout.count('"progress"') == 2
    assert {path.name for path in (tmp_path / "two").iterdir()} == {path.name for path in (tmp_path / "one").iterdir()}


@pytest.mark.parametrize("path", sorted(LAUNCH.glob("*.yaml")), ids=lambda path: path.stem)
def test_launch_configurations_are_accelerates(path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(path))
    told = yaml.safe_load(path.read_text())
    assert config.num_processes == told["num_processes"]
    # Sharded weights would not be one checkpoint that the next stage can read.
    assert told.get("fsdp_config", {}).get("fsdp_state_dict_type", "FULL_STATE_DICT") == "FULL_STATE_DICT"
    assert told.get("deepspeed_config", {}).get("zero3_save_16bit_model", True)
