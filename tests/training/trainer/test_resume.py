"""A training that is killed goes on to the same weights."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clueplus.training.experts.train import train_expert
from clueplus.training.trainer.work import work_folder
from clueplus.training.worker import result_path
from tests.support.training import SENTENCES, Heard, checkpoint_digest, metrics, pit, write_corpus

KILLED_AFTER = 13


@pytest.mark.e2e
def test_a_killed_training_goes_on_to_the_same_weights(base: Path, tmp_path: Path) -> None:
    """Killed in the second epoch of the second phase, with noise in the embeddings and something held out."""
    corpus = write_corpus(tmp_path / "c", SENTENCES[:30], ([f"About: {text[:30]}"] for text in SENTENCES[:30]))
    spec = pit(second={"epochs": 3}, batch=4, device_batch=2, save_steps=3, neftune_alpha=5.0, held_out=0.2)
    whole = train_expert(spec, base, corpus, tmp_path / "undisturbed", Heard())
    job = tmp_path / "job.json"
    out = tmp_path / "killed"
    described = {"function": "train_expert", "base": str(base), "data": str(corpus), "out": str(out)}
    job.write_text(json.dumps({**described, "spec": spec.model_dump(mode="json")}))
    assert _killed(job) == -signal.SIGKILL
    assert not out.exists()
    assert not result_path(job).exists()
    # What a kill in the middle of a save leaves.
    (half := work_folder(out) / "phase2" / "checkpoints" / "checkpoint-999").mkdir()
    (half / "trainer_state.json").write_text("{")
    heard = Heard()
    again = train_expert(spec, base, corpus, out, heard)
    assert len(heard.notes) == 1
    assert heard.states[0].step > KILLED_AFTER - 3 - 1, "it went on from its last checkpoint"
    assert checkpoint_digest(out) == checkpoint_digest(tmp_path / "undisturbed")
    assert (again.steps, again.tokens, again.trained_tokens) == (whole.steps, whole.tokens, whole.trained_tokens)
    assert again.losses == whole.losses
    told, expected = (
        [(row["phase"], row["step"]) for row in metrics(folder)] for folder in (out, tmp_path / "undisturbed")
    )
    assert told == expected


def _killed(job: Path) -> int:
    """Runs a worker until it reports a step, kills it, and returns its exit status."""
    command = [sys.executable, "-m", "clueplus.training.worker", str(job)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("progress", {}).get("step") == KILLED_AFTER:
                process.kill()
    return process.returncode
