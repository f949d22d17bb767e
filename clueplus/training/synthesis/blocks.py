"""Rows in blocks: each block has a response store of its own, so memory is bounded and a finished one is compressed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from pydantic import ValidationError

from clueplus.evaluation.score import without_reasoning
from clueplus.evaluation.store import ResponseStore
from clueplus.files import write_atomic
from clueplus.models import Answer
from clueplus.training.synthesis.calls import StageCalls
from clueplus.training.synthesis.row import Candidate, Row, mean_scores, read_candidate
from clueplus.training.synthesis.sampling import Draw, draw
from clueplus.training.synthesis.state import State, Writer
from clueplus.training.synthesis.tally import Tally

# A judged row of four pairs has some twenty answers, 15 kB in memory.
ROWS = 1000
_FOLDER = "answers"
ELSEWHERE = "choose another --out"


class Block:
    """The rows `first` up to, without, `last` of a folder.

    Args:
        folder: of the synthesis.
        state: what it holds.
        number: of the block, from 0.
    """

    def __init__(self, folder: Path, state: State, number: int) -> None:
        self.state = state
        self.first = number * state.block
        self.last = min(self.first + state.block, state.rows)
        self.store = ResponseStore(folder / _FOLDER / f"{number:05}.jsonl", elsewhere=ELSEWHERE)
        self.tally = Tally()
        self._unfinished = self.last - self.first
        self._failed = 0
        self._open = ExitStack()

    @property
    def rows(self) -> range:
        """The numbers of its rows."""
        return range(self.first, self.last)

    @property
    def _settled(self) -> Path:
        return self.store.path.with_name(self.store.path.stem + ".tally.json")

    def settled(self) -> Tally | None:
        """The counts of a block whose rows are all finished, as they were noted; None where one may not be."""
        try:
            noted = json.loads(self._settled.read_bytes())
            if noted["of"] == self.state.digest() and noted["tally"]["rows"] == len(self.rows):
                return Tally.model_validate(noted["tally"])
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            pass  # it is only noted to save time: the answers tell the same
        return None

    def open(self) -> None:
        """Reads what is stored, and holds the store for writing.

        Raises:
            StoreError: another run writes to it, or it is damaged.
        """
        with ExitStack() as stack:
            stack.enter_context(self.store.writing())
            self.store.load()
            self._open = stack.pop_all()

    def finished(self, made: Tally | None) -> bool:
        """Notes what came of a row, None where it failed; whether it was the last one, which closes the block."""
        self._unfinished -= 1
        if made is None:
            self._failed += 1
        else:
            self.tally.add(made)
        if self._unfinished:
            return False
        if not self._failed:
            self.store.compress()
            noted = {"of": self.state.digest(), "tally": self.tally.record()}
            write_atomic(self._settled, json.dumps(noted, indent=1) + "\n")
        self.close()
        return True

    def close(self) -> None:
        """Lets go of the store."""
        self._open.close()


def blocks(folder: Path, state: State) -> Iterator[Block]:
    """All blocks of a folder, in order."""
    for number in range(-(-state.rows // state.block)):
        yield Block(folder, state, number)


class Reader:
    """Rows from stored answers.

    Args:
        state: the recipe, seed and models that the answers belong to.
    """

    def __init__(self, state: State) -> None:
        self.state, self.recipe = state, state.recipe
        self.generated: StageCalls = state.calls("generated")
        self.judged: StageCalls | None = state.calls("judged") if state.recipe.judged else None

    def draw(self, number: int) -> Draw:
        """What a row asks for."""
        return draw(self.recipe, self.state.seed, number)

    def candidate(self, drawn: Draw, answer: Answer) -> Candidate | str:
        """What generation gave for a row."""
        try:
            return read_candidate(self.recipe, drawn, answer, _text(answer, self.state.model))
        except Exception as error:  # a fault of ours on one answer of a million must not end the run
            return f"reading failed: {type(error).__name__}"

    def row(self, number: int, drawn: Draw, candidate: Candidate | str, judgements: dict[int, list[Answer]]) -> Row:
        """A finished row.

        Args:
            number: of the row.
            drawn: what it asks for.
            candidate: what generation gave.
            judgements: all answers of the judge, by the place of the pair.
        """
        scores = {}
        if self.recipe.judged and not isinstance(candidate, str):
            assert self.state.judge is not None
            for place, answers in judgements.items():
                read = [(answer, _text(answer, self.state.judge)) for answer in answers]
                scores[place] = mean_scores(self.recipe.judged, read)
        return Row(number, drawn, candidate, scores)

    def stored_row(self, store: ResponseStore, number: int, tally: Tally) -> Row | None:
        """The row that a store's answers make, which are counted; None where one is missing."""
        answer = store.get(self.generated.key(number))
        if answer is None:
            return None
        tally.used("generated", answer)
        drawn = self.draw(number)
        candidate = self.candidate(drawn, answer)
        judgements: dict[int, list[Answer]] = {}
        if self.judged and self.recipe.judged and not isinstance(candidate, str):
            for place in candidate.examples:
                keys = [self.judged.key(number, place, sample) for sample in range(self.recipe.judged.samples)]
                judgements[place] = [found for key in keys if (found := store.get(key)) is not None]
                for found in judgements[place]:
                    tally.used("judged", found)
            if any(len(each) < self.recipe.judged.samples for each in judgements.values()):
                return None
        row = self.row(number, drawn, candidate, judgements)
        tally.count(row)
        return row


def _text(answer: Answer, writer: Writer) -> str:
    return without_reasoning(answer.text, *writer.marks)
