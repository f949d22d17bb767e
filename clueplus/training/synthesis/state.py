"""`run.json`: what a folder of synthesis holds, so that a later command mixes nothing in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

import clueplus
from clueplus.errors import ClueplusError, StoreError
from clueplus.evaluation.score import DEFAULT_REASONING
from clueplus.files import write_atomic
from clueplus.models.base import Api, Model
from clueplus.training.synthesis.calls import Stage, StageCalls
from clueplus.training.synthesis.recipe import Recipe
from clueplus.training.synthesis.tally import Price

NAME = "run.json"
SESSIONS = "sessions.jsonl"


class Writer(BaseModel):
    """The model of a stage, as far as its answers depend on it; `marks` enclose what it thinks aloud."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    identity: dict[str, Any]
    api: Api
    stop: tuple[str, ...] = ()
    marks: tuple[str, str] = DEFAULT_REASONING

    @classmethod
    def of(cls, model: Model, marks: tuple[str, str]) -> Writer:
        """An opened model."""
        return cls(name=model.name, identity=model.identity("synthesis"), api=model.api, stop=model.stop, marks=marks)


class State(BaseModel):
    """A folder of synthesis: recipe, seed, rows wanted, rows a block, the models, prices of their tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = 1
    clueplus: str = clueplus.__version__
    recipe: Recipe
    seed: int
    rows: int
    block: int
    model: Writer
    judge: Writer | None = None
    prices: dict[Stage, Price] = {}

    def calls(self, stage: Stage) -> StageCalls:
        """The calls of a stage."""
        if stage == "judged":
            assert self.judge is not None
            identities = (self.model.identity, self.judge.identity)
            return StageCalls(stage, self.recipe, self.seed, identities, self.judge.api, self.judge.stop)
        return StageCalls(stage, self.recipe, self.seed, (self.model.identity,), self.model.api, self.model.stop)

    def digest(self) -> str:
        """What the counts of a block depend on: the recipe and every answer's key."""
        judged = self.calls("judged").digest if self.recipe.judged else ""
        return f"{self.recipe.digest()[:16]}-{self.calls('generated').digest[:16]}-{judged[:16]}"


def write_state(folder: Path, state: State) -> None:
    """Writes `run.json`.

    Raises:
        StoreError: the folder can't be written.
    """
    write_atomic(folder / NAME, json.dumps(state.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")


def read_state(folder: Path) -> State:
    """The `run.json` of a folder.

    Raises:
        ClueplusError: there is none, or it is damaged.
    """
    path = folder / NAME
    try:
        return State.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise ClueplusError(
            f"{folder} holds no synthesis", fix="give the --out folder of: clueplus synth run"
        ) from error
    except (OSError, ValidationError) as error:
        raise StoreError(f"{path}: can't be read ({type(error).__name__})", fix="restore it from a copy") from error


def join(folder: Path, wanted: State) -> State:
    """The state of a folder that is new, or that `wanted` goes on with; it is written.

    More rows, another judge and other checks are fine: what is there stays. What would mix two data sets is not.

    Raises:
        ClueplusError: the folder holds rows of another recipe, seed or model.
    """
    if not (folder / NAME).exists():
        write_state(folder, wanted)
        return wanted
    before = read_state(folder)
    other = differing(before, wanted)
    if other:
        raise ClueplusError(f"{folder} holds rows of another {other}", fix="choose another --out")
    update = {"block": before.block, "rows": max(before.rows, wanted.rows), "prices": before.prices | wanted.prices}
    state = wanted.model_copy(update=update)
    write_state(folder, state)
    return state


def differing(before: State, wanted: State) -> str | None:
    """What makes the rows of two states different rows, or None."""
    same = {
        "seed": before.seed == wanted.seed,
        "model": before.model.identity == wanted.model.identity and before.model.api == wanted.model.api,
        "recipe": before.calls("generated").digest == wanted.calls("generated").digest,
    }
    return next((what for what, equal in same.items() if not equal), None)


def append_session(folder: Path, session: Mapping[str, Any]) -> None:
    """Notes what one call of the command did: for rates, not for results.

    Raises:
        StoreError: the folder can't be written.
    """
    try:
        with (folder / SESSIONS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(session) + "\n")
    except OSError as error:
        raise StoreError(f"can't write {folder / SESSIONS}: {error.strerror}", fix="make space") from error


def read_sessions(folder: Path) -> list[dict[str, Any]]:
    """The sessions that ended in an orderly way; a torn line is none."""
    try:
        lines = (folder / SESSIONS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
