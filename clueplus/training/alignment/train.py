"""From a base and rows to an aligned model."""

from __future__ import annotations

from pathlib import Path

from clueplus.training.alignment.sequences import fill_dpo, fill_sft
from clueplus.training.alignment.spec import AlignSpec
from clueplus.training.trained import Reporter, Trained
from clueplus.training.trainer.base import Base
from clueplus.training.trainer.plan import Plan, Preference
from clueplus.training.trainer.prepared import Size
from clueplus.training.trainer.rows import ROWS
from clueplus.training.trainer.session import run_training


def align(spec: AlignSpec, base: Path, rows: Path, out: Path, reporter: Reporter) -> Trained:
    """Trains a model to answer (SFT) or to prefer one answer to another (DPO).

    DPO has no NEFTune: noise in the model's log-probabilities and none in the reference's would be a difference that
    is not the answers'.

    Args:
        spec: the method and its hyperparameters.
        base: a Hugging Face checkpoint folder with a chat template.
        rows: a folder with rows.jsonl (instruction, input, output; for DPO rejected_output too).
        out: the new checkpoint, whole or not at all; work is done in `<out>.work` and resumed from there.
        reporter: hears of progress.

    Raises:
        ClueplusError: see `run_training`; also rows of the other method, or none that fits the context.
    """

    def fill(base: Base, folder: Path, losses: dict[str, int]) -> Size:
        fill_rows = fill_sft if spec.method == "sft" else fill_dpo
        return fill_rows(base, rows, spec.training, folder, losses)

    preference = Preference(spec.beta, spec.precompute_reference) if spec.method == "dpo" else None
    job = {"function": "align", "spec": spec.model_dump(mode="json")}
    return run_training([Plan(spec.training, fill, preference=preference)], base, rows / ROWS, out, job, reporter)
