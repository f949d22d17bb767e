"""`synth run`: rows made by served models, each answer stored the moment it comes, whatever happens to the next one."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from clueplus.errors import ClueplusError
from clueplus.evaluation.answerer import Answerer, answerer, is_baseline
from clueplus.evaluation.generate import Streak, quick_garbage_collection
from clueplus.evaluation.options import Options
from clueplus.evaluation.options import Reporter as ServingReporter
from clueplus.evaluation.preflight import check_model
from clueplus.evaluation.score import DEFAULT_REASONING
from clueplus.evaluation.store import ResponseStore
from clueplus.models import Answer, Model, Request, RequestFailedError
from clueplus.registry import Catalog
from clueplus.training.synthesis.blocks import ROWS, Block, Reader, blocks
from clueplus.training.synthesis.calls import Stage
from clueplus.training.synthesis.recipe import Recipe
from clueplus.training.synthesis.row import Candidate, Row
from clueplus.training.synthesis.sampling import Draw
from clueplus.training.synthesis.state import State, Writer, append_session, join
from clueplus.training.synthesis.tally import Price, Tally


@dataclass(frozen=True)
class Order:
    """What `synth run` is asked for: rows of a recipe, written by `model` and judged by `judge` (None: the same).

    Of both options, those that say which model answers and how are used. `block` is the rows of a block.
    """

    recipe: Recipe
    rows: int
    out: Path
    model: Options
    judge: Options | None = None
    seed: int = 1234
    prices: Mapping[Stage, Price] = field(default_factory=dict)
    block: int = ROWS


@dataclass
class Progress:
    """Where a run stands: rows that were finished before, what this run adds, answers asked now, and failures."""

    wanted: int
    before: int = 0
    tally: Tally = field(default_factory=Tally)
    asked: int = 0
    tokens: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    failed_rows: int = 0
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """Rows that are finished."""
        return self.tally.rows


class Reporter(ServingReporter, Protocol):
    """What hears of a run's progress."""

    def rows(self, state: Progress) -> None:
        """One more row is finished, or failed."""


def synthesise(order: Order, reporter: Reporter) -> tuple[State, Progress]:
    """Makes the rows that are not there yet.

    The same call after a kill asks only what has no answer; a failed request is asked again then.

    Raises:
        ClueplusError: it can't start, or stopped half-way; finished answers are stored.
    """
    catalog = Catalog()
    for options in (order.model, order.judge):
        if options is not None:
            if is_baseline(options.model):
                raise ClueplusError(f"{options.model} is a rule and can't write", fix="--model: a language model")
            check_model(options, catalog, is_baseline=False)
    with ExitStack() as stack:
        makers = [
            stack.enter_context(answerer(options, catalog, None, restricted=False, reporter=reporter))
            for options in (order.model, order.judge)
            if options is not None
        ]
        return asyncio.run(_run(order, makers, catalog, reporter))


async def _run(order: Order, makers: list[Answerer], catalog: Catalog, reporter: Reporter) -> tuple[State, Progress]:
    models = [make([]) for make in makers]
    try:
        for model in models:
            await model.open()
        model, judge = models[0], models[-1]
        state = join(order.out, _state(order, model, judge, catalog))
        progress = Progress(state.rows)
        reporter.start(state.rows)
        try:
            await _Run(order.out, state, model, judge, progress, reporter).run()
        finally:
            append_session(order.out, _session(progress))
        return state, progress
    finally:
        reporter.finish()
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


def _session(progress: Progress) -> dict[str, Any]:
    return {
        "rows": progress.done - progress.before,
        "answers": progress.asked,
        "tokens": progress.tokens,
        "seconds": round(progress.seconds, 3),
        "failures": dict(progress.failures.most_common()),
    }


class _Run:
    """Workers that take rows from one queue; a row goes through all its stages in one worker."""

    def __init__(
        self, folder: Path, state: State, model: Model, judge: Model, progress: Progress, reporter: Reporter
    ) -> None:
        self._folder, self._state, self._reader = folder, state, Reader(state)
        self._model, self._judge = model, judge
        self._progress, self._reporter = progress, reporter
        self._streak = Streak()
        self._open: set[Block] = set()
        self._fresh: set[int] = set()
        self._began = time.monotonic()

    async def run(self) -> None:
        """Makes all rows.

        Raises:
            ClueplusError: an endpoint or the disk is at fault; the message says how many rows are finished.
        """
        numbers = self._numbers()
        workers = self._model.concurrency + (self._judge.concurrency if self._judge is not self._model else 0)
        with quick_garbage_collection():
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(workers, self._state.rows)):
                        group.create_task(self._work(numbers))
            except* ClueplusError as errors:
                raise self._told(_first(errors)) from None
            finally:
                self._progress.seconds = time.monotonic() - self._began
                for block in self._open:
                    block.close()

    def _numbers(self) -> Iterator[tuple[Block, int]]:
        """Every row that is not known to be finished, with its block, which is opened when its first row is taken."""
        for block in blocks(self._folder, self._state):
            settled = block.settled()
            if settled is not None:
                self._progress.before += settled.rows
                self._progress.tally.add(settled)
                self._reporter.rows(self._progress)
                continue
            block.open()
            self._open.add(block)
            for number in block.rows:
                yield block, number

    async def _work(self, numbers: Iterator[tuple[Block, int]]) -> None:
        for block, number in numbers:
            made = Tally()
            row = await self._row(block, number, made)
            self._note(number, row, made)
            if block.finished(made if row else None):
                self._open.discard(block)

    def _note(self, number: int, row: Row | None, made: Tally) -> None:
        """Counts what became of a row, and tells of it."""
        state = self._progress
        state.tally.add(made)
        state.failed_rows += row is None
        state.before += number not in self._fresh
        self._fresh.discard(number)
        state.seconds = time.monotonic() - self._began
        self._reporter.rows(state)

    async def _row(self, block: Block, number: int, made: Tally) -> Row | None:
        """All stages of one row; None where a request failed. Its answers are counted in `made`."""
        calls, drawn = self._reader.generated, self._reader.draw(number)
        key = calls.key(number)
        answer = await self._ask(block.store, number, key, lambda: calls.generate(number, drawn), self._model)
        if answer is None:
            return None
        made.used("generated", answer)
        candidate = self._reader.candidate(drawn, answer)
        judgements: dict[int, list[Answer]] = {}
        if self._state.recipe.judged and not isinstance(candidate, str):
            judgements = await self._judgements(block.store, number, drawn, candidate)
            for each in judgements.values():
                for judgement in each:
                    made.used("judged", judgement)
            if any(len(each) < self._state.recipe.judged.samples for each in judgements.values()):
                return None
        row = self._reader.row(number, drawn, candidate, judgements)
        made.count(row)
        return row

    async def _judgements(
        self, store: ResponseStore, number: int, drawn: Draw, candidate: Candidate
    ) -> dict[int, list[Answer]]:
        """The judge's answers on every pair of a row, all asked at once; those that failed are missing."""
        calls, judged = self._reader.judged, self._state.recipe.judged
        assert calls is not None
        assert judged is not None
        tasks: dict[int, list[asyncio.Task[Answer | None]]] = {}
        async with asyncio.TaskGroup() as group:
            for place, example in candidate.examples.items():
                tasks[place] = [
                    group.create_task(
                        self._ask(
                            store,
                            number,
                            calls.key(number, place, sample),
                            partial(calls.judge, number, drawn, candidate.instruction, place, example, sample),
                            self._judge,
                        )
                    )
                    for sample in range(judged.samples)
                ]
        answers = {place: [task.result() for task in each] for place, each in tasks.items()}
        return {place: [answer for answer in each if answer is not None] for place, each in answers.items()}

    async def _ask(
        self, store: ResponseStore, number: int, key: str, request: Callable[[], Request], model: Model
    ) -> Answer | None:
        """The stored answer, or a new one, which is stored; None where the request failed."""
        found = store.get(key)
        if found is not None:
            return found
        self._fresh.add(number)
        try:
            answer = await model.answer(request())
        except RequestFailedError as error:
            self._progress.failures[str(error)] += 1
            self._streak.failed(error)
            return None
        self._streak.worked()
        store.append(key, answer)
        self._progress.asked += 1
        self._progress.tokens += (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
        return answer

    def _told(self, error: ClueplusError) -> ClueplusError:
        """The error with the number of rows that are safe."""
        kept = f"{error.message} ({self._progress.done} of {self._state.rows} rows are finished)"
        return type(error)(kept, fix=error.fix)


def _first(group: BaseExceptionGroup[ClueplusError]) -> ClueplusError:
    """One error out of a group of groups."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, ClueplusError)
    return error
