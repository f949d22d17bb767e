"""`--cluster ray`: the same rows on Ray Data, a block of rows at a time, on as many machines as the cluster has.

A block is made by one process from its first to its last row, into the same store as without a cluster, so the folder
must lie where all machines see it; a run can go on with or without the cluster.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Any

from clueplus.errors import ClueplusError
from clueplus.training.synthesis.blocks import Block, blocks
from clueplus.training.synthesis.order import Order, Progress, Reporter
from clueplus.training.synthesis.run import Makers, opened, served
from clueplus.training.synthesis.state import State, append_session, differing, join, read_state
from clueplus.training.synthesis.tally import Tally
from clueplus.training.synthesis.workers import Workers


class _Silent:
    """A worker's reporter: what it does is told by what it returns."""

    def note(self, text: str) -> None: ...
    def waiting(self, seconds: float) -> None: ...
    def start(self, wanted: int) -> None: ...
    def progress(self, state: Any) -> None: ...
    def rows(self, state: Progress) -> None: ...
    def finish(self) -> None: ...


def synthesise_on_ray(order: Order, reporter: Reporter) -> tuple[State, Progress]:
    """Makes the rows that are not there yet on the Ray cluster of the environment, or on one that is started here.

    Raises:
        ClueplusError: ray is not installed, an endpoint is not given or can't be used, or a block was not finished.
    """
    try:
        import ray.data  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise ClueplusError("ray is not installed", fix="pip install 'clueplus[ray]'") from error
    if not order.model.base_urls or (order.judge and not order.judge.base_urls):
        raise ClueplusError("--cluster asks servers that run already", fix="start them, and give each with --base-url")
    state = _prepared(order, reporter)
    progress, began = Progress(state.rows, state.prices), time.monotonic()
    todo = []
    for number, block in enumerate(blocks(order.out, state)):
        settled = block.settled()
        if settled is None:
            todo.append({"block": number})
        else:
            progress.before += settled.rows
            progress.tally.add(settled)
    reporter.start(state.rows)
    faults = []
    try:
        if todo:
            ray.data.DataContext.get_current().enable_progress_bars = False
            made = ray.data.from_items(todo, override_num_blocks=len(todo)).map(_Make(order))
            for result in made.iter_rows():
                progress.add(_read(result["progress"]))
                progress.seconds = time.monotonic() - began
                faults += [result["fault"]] if result["fault"] else []
                reporter.rows(progress)
    finally:
        reporter.finish()
        append_session(order.out, progress.session())
    if faults:
        raise ClueplusError(
            f"{len(faults)} of {len(todo)} blocks were not finished, the first one because: {faults[0]}",
            fix="mend the cause and run the same command: finished answers are kept",
        )
    return state, progress


def _prepared(order: Order, reporter: Reporter) -> State:
    async def ask(makers: Makers) -> State:
        async with opened(order, makers) as found:
            return join(order.out, found.wanted)

    with served(order, reporter) as makers:
        return asyncio.run(ask(makers))


@dataclass(frozen=True)
class _Make:
    """Makes the block that a row names; what went wrong is a value, because an exception would end the others."""

    order: Order

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        progress, fault = Progress(0), ""
        try:
            with served(self.order, _Silent()) as makers:
                asyncio.run(_make(self.order, makers, int(row["block"]), progress))
        except ClueplusError as error:
            fault = error.message
        return {"progress": {**asdict(progress), "tally": progress.tally.record()}, "fault": fault}


async def _make(order: Order, makers: Makers, number: int, progress: Progress) -> None:
    async with opened(order, makers) as (model, judge, wanted):
        state = read_state(order.out)
        if differing(state, wanted) or state.judge != wanted.judge:
            raise ClueplusError(f"this machine finds another {differing(state, wanted) or 'judge'}")
        await Workers(state, model, judge, progress, lambda _: None).run([Block(order.out, state, number)])


def _read(found: dict[str, Any]) -> Progress:
    failures = {name: count for name, count in found["failures"].items() if count}
    return Progress(**{**found, "tally": Tally.model_validate(found["tally"]), "failures": failures})
