"""From a base and a corpus to an expert."""

from __future__ import annotations

from pathlib import Path

from clueplus.training.experts.sequences import fill_dapt, fill_outputs, fill_outputs_and_documents
from clueplus.training.experts.spec import ExpertSpec
from clueplus.training.trained import Reporter, Trained
from clueplus.training.trainer.base import Base
from clueplus.training.trainer.plan import Plan
from clueplus.training.trainer.prepared import Size
from clueplus.training.trainer.rows import DOCUMENTS
from clueplus.training.trainer.session import run_training


def train_expert(spec: ExpertSpec, base: Path, corpus: Path, out: Path, reporter: Reporter) -> Trained:
    """Trains a model further on one corpus.

    Args:
        spec: DAPT or PIT, with the hyperparameters of each phase.
        base: a Hugging Face checkpoint folder.
        corpus: a folder with documents.jsonl (id, text, source, task_data).
        out: the new checkpoint, whole or not at all; work is done in `<out>.work` and resumed from there.
        reporter: hears of progress.

    Raises:
        ClueplusError: see `run_training`; also a corpus without text, or for PIT without task data.
    """
    plans = _dapt(spec, corpus) if spec.method == "dapt" else _pit(spec, corpus)
    job = {"function": "train_expert", "spec": spec.model_dump(mode="json")}
    return run_training(plans, base, corpus / DOCUMENTS, out, job, reporter)


def _dapt(spec: ExpertSpec, corpus: Path) -> list[Plan]:
    (training,) = spec.phases

    def fill(base: Base, folder: Path, losses: dict[str, int]) -> Size:
        return fill_dapt(base, corpus, training, folder, losses)

    return [Plan(training, fill, packed=True)]


def _pit(spec: ExpertSpec, corpus: Path) -> list[Plan]:
    first, second = spec.phases

    def outputs(base: Base, folder: Path, losses: dict[str, int]) -> Size:
        return fill_outputs(base, corpus, first, second, folder, losses)

    def both(base: Base, folder: Path, losses: dict[str, int]) -> Size:
        return fill_outputs_and_documents(base, corpus, second, folder, losses)

    return [Plan(first, outputs), Plan(second, both)]
