"""What a run is asked to do, and who hears of its progress."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from clueplus.evaluation.generate import Generation
from clueplus.models.base import Api
from clueplus.registry import VariantName


@dataclass(frozen=True)
class Options:
    """What a run is asked to do; the fields are the command line's options."""

    model: str
    tasks: Sequence[str] = ("clueplus_open",)
    variant: VariantName | None = None
    base_url: str | None = None
    api: Api | None = None
    limit: int | None = None
    results_dir: Path = Path("results")
    mirror: Path | None = None
    fresh: bool = False
    tasks_dirs: Sequence[Path] = ()
    concurrency: int = 32
    timeout: float = 600.0
    attempts: int = 5
    vllm_command: str = "vllm"
    engine_args: str = ""
    command: Sequence[str] = field(default_factory=tuple)


class Reporter(Protocol):
    """What hears of a run's progress."""

    def note(self, text: str) -> None:
        """One line worth knowing."""

    def waiting(self, seconds: float) -> None:
        """A server has been starting for so long."""

    def start(self, wanted: int) -> None:
        """Generation starts; `wanted` answers are asked for, those in the store included."""

    def progress(self, state: Generation) -> None:
        """One more request is done."""

    def finish(self) -> None:
        """Waiting or generation ended."""


def slug(name: str) -> str:
    """A model's name as one folder name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "model"
