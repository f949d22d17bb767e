"""Where a run's answers are kept: those about restricted documents apart, readable by their owner alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from clueplus.data import data_folder
from clueplus.evaluation.options import slug
from clueplus.evaluation.store import ResponseStore
from clueplus.models import Answer, Request

_RESTRICTED = Path("restricted") / "answers"


class Stores:
    """Two response stores under one face.

    Answers to open and sample tasks lie beside the results, where a team may share them; a model's answer to a
    restricted note repeats the note, so it stays in the data folder.
    """

    def __init__(self, shared: ResponseStore, restricted: ResponseStore | None) -> None:
        self.shared, self.restricted = shared, restricted

    @property
    def _all(self) -> list[ResponseStore]:
        return [self.shared] if self.restricted in (None, self.shared) else [self.shared, self.restricted]

    def __len__(self) -> int:
        return sum(map(len, self._all))

    def load(self) -> Stores:
        """Reads what is stored.

        Raises:
            StoreError: a store is corrupt.
        """
        for store in self._all:
            store.load()
        return self

    def get(self, request: Request) -> Answer | None:
        """The stored answer to a request."""
        return self._of(request).get(request.key)

    def append(self, request: Request, answer: Answer) -> None:
        """Adds one answer; it is in its file when this returns.

        Raises:
            StoreError: the disk is full or the file is gone.
        """
        self._of(request).append(request.key, answer)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Holds the stores open for appending, as their only writer.

        Raises:
            StoreError: another run writes to one, or it can't be written.
        """
        with ExitStack() as stack:
            for store in self._all:
                stack.enter_context(store.writing())
            yield

    def compress(self) -> None:
        """Moves what is finished into the archives."""
        for store in self._all:
            store.compress()

    def _of(self, request: Request) -> ResponseStore:
        if request.tier != "restricted":
            return self.shared
        assert self.restricted is not None, "a restricted request without a restricted store"
        return self.restricted


def store_name(repeat: int) -> str:
    """The file of one repetition of a run, counted from 0: each answers everything itself."""
    return "responses.jsonl" if repeat == 0 else f"responses-repeat-{repeat + 1}.jsonl"


def open_stores(results: Path, model: str, name: str, *, restricted: bool) -> Stores:
    """The stores of a model.

    Args:
        results: the results folder.
        model: the model's name.
        name: the file's name, of `store_name`.
        restricted: whether a task of the run has restricted data.
    """
    kept_apart = ResponseStore(restricted_folder(model) / name, private=True) if restricted else None
    return Stores(ResponseStore(results / slug(model) / name), kept_apart)


def private_stores(model: str, name: str) -> Stores:
    """One store in the data folder for every tier: what is made there is no result that a team shares."""
    store = ResponseStore(restricted_folder(model) / name, private=True)
    return Stores(store, store)


def restricted_folder(model: str) -> Path:
    """Where answers to restricted tasks and the log of a server that saw them lie."""
    return data_folder() / _RESTRICTED / slug(model)
