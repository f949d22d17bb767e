"""What a run is asked to do, and who hears of its progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from clueplus.files import slug as slug
from clueplus.models.base import Api
from clueplus.registry import Scoring, VariantName

if TYPE_CHECKING:
    from clueplus.evaluation.generate import Generation


Backend = Literal["vllm", "hf"]


@dataclass(frozen=True)
class Options:
    """What a run is asked to do; the fields are the command line's options.

    `concurrency` None takes the default of what answers. `samples` above 1 needs a `temperature` above 0.
    """

    model: str
    tasks: Sequence[str] = ("clueplus_open",)
    variant: VariantName | None = None
    base_urls: Sequence[str] = ()
    backend: Backend = "vllm"
    api: Api | None = None
    limit: int | None = None
    samples: int = 1
    temperature: float | None = None
    repeat: int = 1
    results_dir: Path = Path("results")
    mirror: Path | None = None
    fresh: bool = False
    tasks_dirs: Sequence[Path] = ()
    concurrency: int | None = None
    timeout: float = 600.0
    attempts: int = 5
    replicas: int = 1
    vllm_command: str = "vllm"
    engine_args: str = ""
    attest: Path | None = None
    scoring: Scoring = "clueplus-1"
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
