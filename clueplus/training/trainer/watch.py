"""What listens to a phase: counts, metrics, progress, when to save, whether what was saved is good."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import TrainerCallback

from clueplus.errors import StoreError
from clueplus.files import write_atomic
from clueplus.training.trained import Progress, Reporter
from clueplus.training.trainer.metrics import MetricsLog
from clueplus.training.trainer.work import WHOLE

KEPT = 2


@dataclass
class Tally:
    """What a phase has seen so far; saved with every checkpoint, so that a resumed run tells the same."""

    step: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    seconds: float = 0.0
    flops: float = 0.0
    first_loss: float | None = None
    last_loss: float | None = None
    held_out_before: float | None = None
    held_out_after: float | None = None


class Course(NamedTuple):
    """Where a phase stands in its training: its name, and the steps and tokens of the phases before it."""

    name: str
    steps_before: int
    tokens_before: int
    steps: int
    all_steps: int


class Watch(TrainerCallback):  # type: ignore[misc]
    """Hears of every step of a phase, on every process; the first process writes and reports.

    Args:
        course: of this phase.
        tally: where a resumed phase goes on from.
        save_steps: how often to save; None only at the first step.
        reporter: hears of progress.
        log: takes the metrics; None on other processes than the first.
        flops: of a token's step.
        peak: FLOP/s of a device, None where that is not known.
        verify: called with the first checkpoint's folder.
    """

    def __init__(
        self,
        course: Course,
        tally: Tally,
        save_steps: int | None,
        reporter: Reporter,
        log: MetricsLog | None,
        flops: float,
        peak: float | None,
        verify: Callable[[Path], None],
    ) -> None:
        self.course, self.tally = course, tally
        self._save_steps, self._reporter, self._log = save_steps, reporter, log
        self._flops, self._peak, self._verify = flops, peak, verify
        self._counted: Any = torch.zeros(2, dtype=torch.long)
        self.passed: list[Any] = []
        self._began = self._last = time.monotonic()
        self._resumed_at = tally.step
        self.trainer: Any = None

    def count(self, ids: Any, tokens: Any, trained: Any) -> None:
        """Adds what a pass has seen on this process; on the device, so that nothing waits for it."""
        self.passed.append(ids)
        self._counted = self._counted.to(ids.device) + torch.stack([tokens, trained])

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Steps are timed from here: loading and preparing are not training."""
        self._began = self._last = time.monotonic()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Token ids are kept for one step, in case its gradient is not finite."""
        self.passed = []

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Saves at the first step, before long work depends on it, and then as often as asked."""
        step, last = state.global_step, state.global_step >= state.max_steps
        regular = self._save_steps is not None and step % self._save_steps == 0
        control.should_save = (step == 1 or regular) and not last
        control.should_evaluate = last and self.trainer.eval_dataset is not None

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        """Takes down a step's metrics, or a held-out loss."""
        if "eval_loss" in logs:
            self._held_out(state.global_step, float(logs["eval_loss"]))
        elif "loss" in logs:
            self._step(state, logs)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tries the first checkpoint, and marks every one that is whole."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if state.global_step == 1:
            self._verify(folder)
        self.trainer.accelerator.wait_for_everyone()
        if state.is_world_process_zero:
            if state.global_step == 1:
                _check_space(folder, rest=self._save_steps is not None)
            write_atomic(folder / WHOLE, json.dumps(asdict(self.tally)))
        self._last = time.monotonic()  # saving is no part of the next step

    def _held_out(self, step: int, loss: float) -> None:
        if step == 0:
            self.tally.held_out_before = loss
        else:
            self.tally.held_out_after = loss
        self._write({"phase": self.course.name, "step": self.course.steps_before + step, "held_out_loss": loss})

    def _step(self, state: Any, logs: dict[str, float]) -> None:
        tally, now = self.tally, time.monotonic()
        seen, trained = self.trainer.accelerator.reduce(self._counted, reduction="sum").tolist()
        self._counted = torch.zeros_like(self._counted)
        taken, self._last = now - self._last, now
        tally.step, tally.seconds = state.global_step, tally.seconds + taken
        tally.tokens, tally.trained_tokens = tally.tokens + seen, tally.trained_tokens + trained
        tally.last_loss = float(logs["loss"])
        if tally.first_loss is None:
            tally.first_loss = tally.last_loss
        _check_gradient(logs, self.trainer, state.global_step)
        speed = seen / taken if taken > 0 else None
        tally.flops += seen * self._flops
        mfu = self._used(speed)
        self._write(
            {
                "phase": self.course.name,
                "step": self.course.steps_before + state.global_step,
                "tokens": self.course.tokens_before + tally.tokens,
                "tokens_per_second": speed,
                "mfu": mfu,
                **{name: float(value) for name, value in logs.items() if name not in ("num_tokens",)},
            }
        )
        self._report(state.global_step, speed, mfu)

    def _used(self, tokens_per_second: float | None) -> float | None:
        if tokens_per_second is None or self._peak is None:
            return None
        return tokens_per_second * self._flops / (self._peak * int(self.trainer.accelerator.num_processes))

    def _report(self, step: int, speed: float | None, mfu: float | None) -> None:
        done = step - self._resumed_at
        left = (time.monotonic() - self._began) / done * (self.course.all_steps - self.course.steps_before - step)
        self._reporter.progress(
            Progress(
                step=self.course.steps_before + step,
                steps=self.course.all_steps,
                loss=self.tally.last_loss,
                tokens=self.course.tokens_before + self.tally.tokens,
                tokens_per_second=speed,
                mfu=mfu,
                seconds_left=left,
            )
        )

    def _write(self, row: dict[str, Any]) -> None:
        if self._log is not None:
            self._log.write(row)


def _check_gradient(logs: dict[str, float], trainer: Any, step: int) -> None:
    norm = logs.get("grad_norm")
    if norm is not None and not math.isfinite(norm):
        trainer.stop(step, trainer.watch.passed, f"the norm of the gradient is {norm}")


def _check_space(checkpoint: Path, *, rest: bool) -> None:
    """After the first checkpoint it is known what the others, and the final one, will need."""
    size = sum(path.stat().st_size for path in checkpoint.rglob("*") if path.is_file())
    # Before one is removed there is one more than are kept; the finished model is never larger than a checkpoint.
    needed = size * (KEPT + 2 if rest else 2)
    free = shutil.disk_usage(checkpoint).free
    if free < needed:
        raise StoreError(
            f"{checkpoint.parent} has {free / 1e9:.1f} GB left, and this training needs {needed / 1e9:.1f} GB",
            fix="free some space, or choose another output folder",
        )
