"""A training from its base to its output: phases one after another, in one process or many."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clueplus.errors import ClueplusError
from clueplus.training.trained import Progress, Reporter, Trained
from clueplus.training.trainer.base import Base, digest, read_base
from clueplus.training.trainer.plan import Plan
from clueplus.training.trainer.prepared import Prepared, is_prepared, prepare, read_prepared
from clueplus.training.trainer.schedule import accumulation, steps_of
from clueplus.training.trainer.work import Work, told_when_full

if TYPE_CHECKING:
    from clueplus.training.trainer.watch import Tally

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
_POLL_SECONDS = 0.2


def run_training(
    plans: Sequence[Plan], base: Path, data: Path, out: Path, job: Mapping[str, Any], reporter: Reporter
) -> Trained:
    """Runs phases, each on the model of the one before, and leaves the last one's at `out`.

    All sequences are made before the first step, so that a later phase fails before an earlier one has taken its hours.

    Args:
        plans: the phases.
        base: the checkpoint to start from.
        data: the file that the sequences are made of.
        out: a folder that appears whole or not at all; the work is done in one beside it.
        job: what the caller was asked for, as JSON: a work folder of another job is not continued.
        reporter: hears of progress, on the first process.

    Raises:
        ClueplusError: base, data, or hyperparameters don't fit, or the training could not go on.
    """
    _require_packages()
    from clueplus.training.trainer.surroundings import training_surroundings

    with training_surroundings(plans[0].training.seed):
        import torch
        from accelerate import PartialState

        processes = PartialState(cpu=not torch.accelerator.is_available())
        for plan in plans:
            accumulation(plan.training, processes.num_processes)
        found = read_base(base, max(plan.training.max_length for plan in plans))
        told = {**job, "base": found.digest, "data": digest([data]), "processes": processes.num_processes}
        work = Work(out, told, writes=processes.is_main_process)
        try:
            with told_when_full(work.folder):
                return _train(plans, found, work, out, reporter if processes.is_main_process else _Silent(), processes)
        finally:
            work.release()


def _train(plans: Sequence[Plan], base: Base, work: Work, out: Path, reporter: Reporter, processes: Any) -> Trained:
    prepared = _prepare(plans, base, work, processes)
    counts = [
        steps_of(plan.training, one.train.rows, processes.num_processes)
        for plan, one in zip(plans, prepared, strict=True)
    ]
    _note_short_warmups(plans, counts, reporter)
    tallies = _run_phases(plans, prepared, counts, base, work, reporter)
    trained = _summary(plans, prepared, tallies, processes)
    if processes.is_main_process:
        from clueplus.training.trainer.loop import MODEL
        from clueplus.training.trainer.output import finish

        finish(_phase_folder(work, len(plans)) / MODEL, base.folder, work.folder, out, plans[-1].training.dtype)
        work.remove()
    processes.wait_for_everyone()
    return trained


def _prepare(plans: Sequence[Plan], base: Base, work: Work, processes: Any) -> list[Prepared]:
    folders = [_phase_folder(work, number) / "sequences" for number in range(1, len(plans) + 1)]
    processes.wait_for_everyone()  # what an earlier job left is gone
    if processes.is_main_process:
        try:
            for plan, folder in zip(plans, folders, strict=True):
                prepare(folder, partial(plan.fill, base))
        except ClueplusError:
            work.remove()  # nothing was trained: a run that was would have found its sequences
            raise
    else:
        # A barrier gives up after half an hour; to tokenize a large corpus takes longer.
        while not all(map(is_prepared, folders)):
            time.sleep(_POLL_SECONDS)
    processes.wait_for_everyone()
    return [read_prepared(folder) for folder in folders]


def _run_phases(
    plans: Sequence[Plan],
    prepared: Sequence[Prepared],
    counts: Sequence[int],
    base: Base,
    work: Work,
    reporter: Reporter,
) -> list[Tally]:
    from clueplus.training.trainer.loop import MODEL, Phase, run_phase
    from clueplus.training.trainer.watch import Course

    tallies: list[Tally] = []
    source = base.folder
    for number, (plan, sequences, steps) in enumerate(zip(plans, prepared, counts, strict=True), 1):
        course = Course(
            name=f"phase{number}",
            steps_before=sum(counts[: number - 1]),
            tokens_before=sum(tally.tokens for tally in tallies),
            steps=steps,
            all_steps=sum(counts),
        )
        folder = _phase_folder(work, number)
        phase = Phase(plan, source, sequences)
        tallies.append(run_phase(phase, course, base, folder, reporter))
        source = folder / MODEL
    return tallies


def _phase_folder(work: Work, number: int) -> Path:
    return work.folder / f"phase{number}"


def _summary(plans: Sequence[Plan], prepared: Sequence[Prepared], tallies: Sequence[Tally], processes: Any) -> Trained:
    losses: dict[str, float | None] = {}
    for number, tally in enumerate(tallies, 1):
        losses |= {f"phase{number}_first": tally.first_loss, f"phase{number}_last": tally.last_loss}
    losses |= {"held_out_before": tallies[0].held_out_before, "held_out_after": tallies[-1].held_out_after}
    truncation = {
        reason if len(plans) == 1 else f"phase{number}_{reason}": count
        for number, one in enumerate(prepared, 1)
        for reason, count in one.losses.items()
    }
    return Trained(
        steps=sum(tally.step for tally in tallies),
        tokens=sum(tally.tokens for tally in tallies),
        trained_tokens=sum(tally.trained_tokens for tally in tallies),
        losses={name: loss for name, loss in losses.items() if loss is not None},
        truncation=truncation,
        facts=_facts(plans, prepared, tallies, processes),
    )


def _facts(
    plans: Sequence[Plan], prepared: Sequence[Prepared], tallies: Sequence[Tally], processes: Any
) -> dict[str, Any]:
    import torch

    from clueplus.training.trainer.loop import peak_here

    peak = peak_here(plans[-1].training)
    seconds = sum(tally.seconds for tally in tallies)
    speed = sum(tally.tokens for tally in tallies) / seconds if seconds else None
    flops = sum(tally.flops for tally in tallies)
    used = flops / (seconds * peak.flops * processes.num_processes) if seconds and peak.flops else None
    return {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else processes.device.type,
        "processes": processes.num_processes,
        "launch": processes.distributed_type.value,
        "threads": torch.get_num_threads(),
        "dtype": plans[-1].training.dtype,
        "seconds": seconds,
        "tokens_per_second": speed,
        "mfu": used,
        "mfu_reason": peak.reason,
        "sequences": [one.train.rows for one in prepared],
        "versions": {name: version(name) for name in PACKAGES},
    }


def _note_short_warmups(plans: Sequence[Plan], counts: Sequence[int], reporter: Reporter) -> None:
    for number, (plan, steps) in enumerate(zip(plans, counts, strict=True), 1):
        if plan.training.warmup_steps >= steps:
            reporter.note(
                f"phase{number} has {steps} steps and warms up for {plan.training.warmup_steps}:"
                " its learning rate is never reached"
            )


def _require_packages() -> None:
    from importlib.util import find_spec

    missing = [name for name in (*PACKAGES, "tensorboard") if find_spec(name) is None]
    if missing:
        raise ClueplusError(f"no {missing[0]} to train with", fix="pip install 'clueplus[train]'")


class _Silent:
    """The other processes than the first say nothing."""

    def note(self, text: str) -> None: ...

    def progress(self, state: Progress) -> None: ...
