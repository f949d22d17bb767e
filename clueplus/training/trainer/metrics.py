"""The metrics of a training, a row a step: JSON lines and TensorBoard events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

METRICS, EVENTS = "training.jsonl", "tensorboard"


class MetricsLog:
    """Appends rows to `training.jsonl`, and their numbers to TensorBoard events beside it.

    Args:
        folder: of both.
        phase: that begins or goes on.
        step: the last step that counts, None of a phase that begins; what a killed run wrote of it after its last
            checkpoint is dropped.
    """

    def __init__(self, folder: Path, phase: str, step: int | None) -> None:
        from torch.utils.tensorboard import SummaryWriter

        path = folder / METRICS
        kept = [line for line in _lines(path) if _stays(json.loads(line), phase, step)]
        path.write_text("".join(kept), encoding="utf-8")
        self._file = path.open("a", encoding="utf-8")
        self._events = SummaryWriter(str(folder / EVENTS), purge_step=None if step is None else step + 1)

    def write(self, row: Mapping[str, Any]) -> None:
        """Writes the metrics of a step; `step` and `phase` tell where they are of."""
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        for name, value in row.items():
            if isinstance(value, float):
                self._events.add_scalar(name, value, row["step"])

    def close(self) -> None:
        """Writes what is still in memory."""
        self._file.close()
        self._events.close()


def _stays(row: Mapping[str, Any], phase: str, step: int | None) -> bool:
    return bool(row["phase"] != phase or (step is not None and row["step"] <= step))


def _lines(path: Path) -> list[str]:
    """The whole lines of a file; a kill leaves half of one."""
    if not path.is_file():
        return []
    return [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
