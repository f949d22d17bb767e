"""`clueplus noise`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clueplus.cli.shared import Json, print_columns, print_json, read_runs

if TYPE_CHECKING:
    from clueplus.comparison.noise import Noise

HELP = """Tell how much runs of the same work differ: answers that changed, scores that flipped.

Greedy decoding is not always repeatable: an engine's sums depend on the batch. What flips here without any change of
the model is the floor under every comparison. RUN is a run's folder or its run.json."""

EXAMPLES = """Example:

clueplus noise results/my-checkpoint/20260101T120000Z results/my-checkpoint/20260101T130000Z"""


def noise(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Two runs of the same work, or more.")],
    as_json: Json = False,
) -> None:
    """Parses, compares, prints; the help text is HELP."""
    from clueplus.comparison.noise import noise as measure

    found = measure(read_runs(runs))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        show_noise(found)


def show_noise(found: Noise) -> None:
    """The flips of each pair, as columns."""
    rows = [
        (
            pair,
            flips.task,
            str(flips.answers),
            str(flips.texts),
            str(flips.scores),
            "-" if flips.delta is None else f"{100 * flips.delta:+.2f}",
            "-" if flips.mean_change is None else f"{100 * flips.mean_change:.2f}",
        )
        for pair, tasks in found.pairs.items()
        for flips in tasks
    ]
    print_columns(("runs", "task", "answers", "texts differ", "scores differ", "delta", "mean change"), rows)
    settings = sorted(set(found.batch_invariant))
    typer.echo(f"VLLM_BATCH_INVARIANT: {', '.join(settings)}")
