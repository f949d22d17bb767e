"""A/A runs: the false-alarm rate, the noise of each task, and the policy that gets its floors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clueplus.errors import ClueplusError
from clueplus.gate.calibration import calibrate, calibrated_policy
from clueplus.gate.policy import DEFAULT_POLICY, Policy, read_policy
from clueplus.records.run import Run
from tests.support.runs import make_run

BASE = (np.arange(1000) % 10 < 6).astype(float).tolist()


def again(folder: str, flips: int = 0, lost: int = 0, **fields: Any) -> Run:
    """Another run of the same model: some answers gained and as many lost, and some lost besides."""
    values = list(BASE)
    for place in [n for n, value in enumerate(BASE) if value][: flips + lost]:
        values[place] = 0.0
    for place in [n for n, value in enumerate(BASE) if not value][:flips]:
        values[place] = 1.0
    return make_run({"medec": values}, name="model", **fields)._replace(folder=Path(folder))


def policy(**keys: Any) -> Policy:
    return Policy.model_validate({**keys, "path": Path("gate.yaml")})


def test_pairs_are_judged_and_the_noise_is_measured() -> None:
    found = calibrate([again("a"), again("b", 3), again("c", 0, 4)], policy())
    assert (found.pairs, found.verdicts) == (3, {"PASS": 3, "FAIL": 0, "INCONCLUSIVE": 0})
    assert (found.rate, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 3))
    (movement,) = found.movements
    assert movement.scores == pytest.approx([0.6, 0.6, 0.596])
    assert movement.largest == pytest.approx(0.004)
    assert movement.deviation == pytest.approx(0.004 / 3**0.5)


def test_a_gate_that_blocks_a_rerun_is_told() -> None:
    found = calibrate([again("a"), again("b", 0, 60), again("c")], policy())
    assert found.verdicts["FAIL"] == 1  # only one order of each pair is judged: a to b falls, b to c rises
    assert found.rate == pytest.approx(1 / 3)
    assert found.low < 1 / 3 < found.high


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([again("a")], "noise is seen between runs"),
        ([again("a"), again("a")], "a run is named twice"),
        ([again("a"), make_run({"medec": BASE}, name="other")], "is not a run of the same model"),
        ([again("a"), again("b", task_fields={"version": 2})], "medec.*version"),
    ],
)
def test_runs_that_are_no_repetition_are_refused(runs: list[Run], message: str) -> None:
    with pytest.raises(ClueplusError, match=message):
        calibrate(runs, policy())


def test_a_task_without_a_score_has_no_noise_and_is_named() -> None:
    def lacking(folder: str) -> Run:
        values = [{"rouge_1": 0.3, "bertscore_f1": None}] * 5
        return make_run({"pls": values}, name="model")._replace(folder=Path(folder))

    found = calibrate([lacking("a"), lacking("b")], policy())
    assert (found.movements, found.unmeasured) == ([], ["pls"])
    assert "noise" not in calibrated_policy(None, found, "2026-01-01")


TEXT = """# ours
alpha: 0.05  # one-sided
noise: {sdoh: {points: 9, reason: old}}
# what follows is about tasks
tasks:
  medec: {margin: 1.5}  # a comment
"""
BLOCK = TEXT.replace("noise: {sdoh: {points: 9, reason: old}}", "noise:\n  sdoh:\n    points: 9\n    reason: old")


@pytest.mark.parametrize("text", [TEXT, BLOCK, TEXT.replace("noise: {sdoh: {points: 9, reason: old}}\n", "")])
def test_the_noise_is_written_anew_and_every_other_line_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(text)
    found = calibrate([again("a"), again("b", 0, 4)], policy())
    written = calibrated_policy(path, found, "2026-01-01")
    for line in (
        "# ours",
        "alpha: 0.05  # one-sided",
        "# what follows is about tasks",
        "  medec: {margin: 1.5}  # a comment",
    ):
        assert line in written.splitlines()
    path.write_text(written)
    read = read_policy(path)
    assert list(read.noise) == ["medec"]
    assert read.noise["medec"].points == 0.4
    assert read.noise["medec"].reason == (
        "largest difference of 2 A/A runs, 2026-01-01; standard deviation 0.283 points"
    )
    assert read.task("medec").margin == 1.5
    assert calibrated_policy(path, found, "2026-01-01") == written


def test_without_a_policy_the_shipped_one_is_calibrated(tmp_path: Path) -> None:
    written = calibrated_policy(None, calibrate([again("a"), again("b", 0, 4)], policy()), "2026-01-01")
    assert written.startswith(DEFAULT_POLICY.read_text().rstrip("\n"))
    path = tmp_path / "gate.yaml"
    path.write_text(written)
    assert read_policy(path).limits == read_policy().limits


def test_a_noise_block_at_the_end_is_replaced_too(tmp_path: Path) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text("alpha: 0.05\nnoise:\n  sdoh: {points: 9, reason: old}\n")
    written = calibrated_policy(path, calibrate([again("a"), again("b", 0, 4)], policy()), "2026-01-01")
    assert "sdoh" not in written
    assert written.count("noise:") == 1
