"""Rows in the making: each answer is stored the moment it comes, whatever happens to the next one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from clueplus.errors import ClueplusError
from clueplus.evaluation.generate import Streak, quick_garbage_collection
from clueplus.evaluation.store import ResponseStore
from clueplus.models import Answer, Model, Request, RequestFailedError
from clueplus.training.synthesis.blocks import Block, Reader
from clueplus.training.synthesis.order import Progress
from clueplus.training.synthesis.row import Candidate, Row
from clueplus.training.synthesis.sampling import Draw
from clueplus.training.synthesis.state import State
from clueplus.training.synthesis.tally import Tally


class Workers:
    """Workers that take rows from one queue; a row goes through all its stages in one worker.

    Args:
        state: recipe, seed and models.
        model: writes; opened already.
        judge: judges; opened already, perhaps the same.
        progress: is kept up to date.
        tell: called after every row.
    """

    def __init__(
        self, state: State, model: Model, judge: Model, progress: Progress, tell: Callable[[Progress], None]
    ) -> None:
        self._state, self._reader = state, Reader(state)
        self._model, self._judge = model, judge
        self._progress, self._tell = progress, tell
        self._streak = Streak()
        self._open: set[Block] = set()
        self._fresh: set[int] = set()
        self._began = time.monotonic()

    async def run(self, wanted: Iterable[Block]) -> None:
        """Makes all rows of blocks.

        Raises:
            ClueplusError: an endpoint or the disk is at fault; the message says how many rows are finished.
        """
        numbers = self._numbers(wanted)
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

    def _numbers(self, wanted: Iterable[Block]) -> Iterator[tuple[Block, int]]:
        """Every row that is not known to be finished, with its block, which is opened when its first row is taken."""
        for block in wanted:
            settled = block.settled()
            if settled is not None:
                self._progress.before += settled.rows
                self._progress.tally.add(settled)
                self._tell(self._progress)
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
        self._tell(state)

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
