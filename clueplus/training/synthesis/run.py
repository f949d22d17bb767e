"""`synth run`: rows made by served models, from one queue over all endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import NamedTuple

from clueplus.errors import ClueplusError
from clueplus.evaluation.answerer import Answerer, answerer, is_baseline
from clueplus.evaluation.options import Options
from clueplus.evaluation.preflight import check_model
from clueplus.evaluation.score import DEFAULT_REASONING
from clueplus.models import Model
from clueplus.registry import Catalog
from clueplus.training.synthesis.blocks import blocks
from clueplus.training.synthesis.order import Order, Progress, Reporter
from clueplus.training.synthesis.state import State, Writer, append_session, join
from clueplus.training.synthesis.workers import Workers

Makers = Sequence[Answerer]


class Opened(NamedTuple):
    """The models of an order, ready to be asked, and the state that rows of theirs have. `judge` may be `model`."""

    model: Model
    judge: Model
    wanted: State


def synthesise(order: Order, reporter: Reporter) -> tuple[State, Progress]:
    """Makes the rows that are not there yet.

    The same call after a kill asks only what has no answer; a failed request is asked again then.

    Raises:
        ClueplusError: it can't start, or stopped half-way; finished answers are stored.
    """
    with served(order, reporter) as makers:
        return asyncio.run(_run(order, makers, reporter))


async def _run(order: Order, makers: Makers, reporter: Reporter) -> tuple[State, Progress]:
    async with opened(order, makers) as (model, judge, wanted):
        state = join(order.out, wanted)
        progress = Progress(state.rows, state.prices)
        reporter.start(state.rows)
        try:
            await Workers(state, model, judge, progress, reporter.rows).run(blocks(order.out, state))
        finally:
            reporter.finish()
            append_session(order.out, progress.session())
        return state, progress


@contextmanager
def served(order: Order, reporter: Reporter) -> Iterator[Makers]:
    """What makes the models of an order; servers that have to be started for it are stopped at the end.

    Outside of any event loop: a loop would keep Ctrl-C waiting until the servers are up.

    Raises:
        ClueplusError: a model can't be used.
    """
    catalog = Catalog()
    if order.judge and order.recipe.judged is None:
        raise ClueplusError(f"{order.recipe.name} has no 'judged' for a judge", fix="leave --judge-model out")
    asked = [options for options in (order.model, order.judge) if options is not None]
    for options in asked:
        if is_baseline(options.model):
            raise ClueplusError(f"{options.model} is a rule and can't write", fix="--model: a language model")
        check_model(options, catalog, is_baseline=False)
    with ExitStack() as stack:
        yield [
            stack.enter_context(answerer(options, catalog, None, restricted=False, reporter=reporter))
            for options in asked
        ]


@asynccontextmanager
async def opened(order: Order, makers: Makers) -> AsyncIterator[Opened]:
    """The models of an order, connected.

    Raises:
        EndpointError: a model can't be used.
    """
    models = [make([]) for make in makers]
    try:
        for model in models:
            await model.open()
        yield Opened(models[0], models[-1], _state(order, models[0], models[-1], Catalog()))
    finally:
        for model in models:
            await model.close()


def _state(order: Order, model: Model, judge: Model, catalog: Catalog) -> State:
    def marks(options: Options) -> tuple[str, str]:
        spec = catalog.models.get(options.model)
        return (spec.reasoning.start, spec.reasoning.end) if spec else DEFAULT_REASONING

    return State(
        recipe=order.recipe,
        seed=order.seed,
        rows=order.rows,
        block=order.block,
        model=Writer.of(model, marks(order.model)),
        judge=Writer.of(judge, marks(order.judge or order.model)) if order.recipe.judged else None,
        prices=dict(order.prices),
    )
