"""Whose work folder it is."""

from pathlib import Path

import pytest

from clueplus.errors import StoreError
from clueplus.training.trainer.work import WHOLE, Work, remove_broken_checkpoints, whole_checkpoints, work_folder


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    work = Work(tmp_path / "out", {"a": 1}, writes=True)
    with pytest.raises(StoreError, match="another training is working"):
        Work(tmp_path / "out", {"a": 1}, writes=True)
    work.release()
    Work(tmp_path / "out", {"a": 1}, writes=True).remove()
    assert list(tmp_path.iterdir()) == []


def test_what_another_job_trained_is_kept_and_what_it_prepared_is_not(tmp_path: Path) -> None:
    out = tmp_path / "out"
    Work(out, {"a": 1}, writes=True).release()
    (work_folder(out) / "phase1" / "sequences").mkdir(parents=True)
    Work(out, {"a": 2}, writes=True).release()
    assert not (work_folder(out) / "phase1").exists()
    (work_folder(out) / "phase1" / "checkpoints" / "checkpoint-1").mkdir(parents=True)
    (work_folder(out) / "phase1" / "checkpoints" / "checkpoint-1" / WHOLE).touch()
    with pytest.raises(StoreError, match="belongs to a training with another spec"):
        Work(out, {"a": 3}, writes=True)
    Work(out, {"a": 2}, writes=True).release()


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (folder := work_folder(tmp_path / "out")).mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreError, match="is in the way"):
        Work(tmp_path / "out", {}, writes=True)
    assert (folder / "thesis.txt").exists()


def test_checkpoints_that_are_not_whole_do_not_count(tmp_path: Path) -> None:
    for step, whole in ((2, True), (10, True), (11, False)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if whole:
            (tmp_path / f"checkpoint-{step}" / WHOLE).touch()
    assert [path.name for path in whole_checkpoints(tmp_path)] == ["checkpoint-2", "checkpoint-10"]
    remove_broken_checkpoints(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-2"]
