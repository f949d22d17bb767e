"""Sites that several files look at."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from clueplus.leaderboard.build import Options, build
from clueplus.records.run import Outcome, read_run
from clueplus.records.samples import Sample, TaskSamples
from clueplus.registry import Catalog
from tests.support.boards import ALL, TWELVE, board_run, write_runs
from tests.support.browser import chromium

HALF = TWELVE[:6]
SMALL = {"parameters": 3_800_000_000, "weights": "org/small", "licence": "MIT"}
LARGE = {"parameters": 70_000_000_000, "licence": "closed"}


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Official: four complete rows of plain skills, a baseline, one that lacks six tasks. Sample: two rows."""
    return write_runs(
        tmp_path_factory.mktemp("results"),
        board_run("base", 0.45, spec=SMALL, tasks=ALL, seed=1),
        board_run("tuned", 0.65, spec={**SMALL, "base": "base"}, seed=2),
        board_run("twin", 0.65, spec={**SMALL, "base": "base"}, seed=3),
        board_run("giant", 0.9, spec=LARGE, seed=4),
        board_run("baseline:majority", 0.2, seed=5),
        board_run("partial", 0.5, tasks=HALF, seed=6),
        board_run("base", 0.5, variant="sample", items=12, seed=7, spec=SMALL),
        board_run("tuned", 0.7, variant="sample", items=12, seed=8, spec={**SMALL, "base": "base"}),
    )


@pytest.fixture(scope="session")
def site(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "site"
    assert build(Options(results, out, Catalog(), samples)).rejected == []
    return out


def samples(folder: Path, tasks: Sequence[str]) -> Iterator[TaskSamples]:
    """Forty-five answers of one model to one task; the third of every three is unscorable or lacks an answer."""
    record = read_run(folder).record
    if record.variant != "sample" or record.model.name != "tuned":
        return
    made = []
    for index in range(45):
        outcome: Outcome = "scored" if index % 3 < 2 else "unscorable" if index % 2 else "infrastructure_error"
        score = None if outcome == "infrastructure_error" else [1.0, 0.25, 0.0][index % 3]
        answer = None if score is None else f"answer {index}"
        made.append(
            Sample(index, 0, f"id-{index}", f"prompt {index}", answer, f"reference {index}", outcome, score, False)
        )
    yield TaskSamples("medec", "sample", "sample", "Apache-2.0", "An example.\n", made)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Not of the session: while playwright runs, its thread has an event loop, and nothing else may run one there."""
    with chromium() as running:
        yield running
