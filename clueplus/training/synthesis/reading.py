"""Training rows out of a folder of synthesis, or out of published files with MediFlow's columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clueplus.errors import ClueplusError, did_you_mean
from clueplus.training.corpora.files import Bad, find_files, read_file
from clueplus.training.corpora.rows import read_row
from clueplus.training.corpora.spec import Source
from clueplus.training.synthesis.blocks import Reader, blocks
from clueplus.training.synthesis.recipe import LABELS, TEXTS, Recipe, read_recipe
from clueplus.training.synthesis.row import Row
from clueplus.training.synthesis.state import NAME, State, read_state
from clueplus.training.synthesis.tally import Tally

TrainingRow = dict[str, Any]
DEFAULT_RECIPE = "mediflow"
# Of published rows.
_SCORES = ("quality", "alignment", "coherence", "realism", "difficulty")


def read_rows(path: Path) -> Iterator[TrainingRow | Bad]:
    """Every pair as a training row: MediFlow's columns and `provenance`; Bad for what is no row.

    Args:
        path: a folder of `synth run`, a JSONL or Parquet file, or a folder of them.

    Raises:
        ClueplusError: it is not there, or damaged.
    """
    if (path / NAME).is_file():
        yield from _made(path, read_state(path))
    else:
        yield from _published(path)


def recipe_of(path: Path, name: str | None) -> Recipe:
    """The recipe called `name`; without one, that of a folder of synthesis, else the shipped one.

    Raises:
        ClueplusError: there is no such recipe.
    """
    if name is None and (path / NAME).is_file():
        return read_state(path).recipe
    return read_recipe(name or DEFAULT_RECIPE)


def _made(folder: Path, state: State) -> Iterator[TrainingRow]:
    reader = Reader(state)
    origin = {
        "recipe": f"{state.recipe.name} {state.recipe.version}",
        "recipe_digest": state.recipe.digest(),
        "seed": state.seed,
        "model": state.model.name,
        "judge": state.judge.name if state.judge else None,
    }
    for block in blocks(folder, state):
        store = block.store.load()
        for number in block.rows:
            row = reader.stored_row(store, number, Tally())
            if row is not None:
                yield from _pairs(row, origin)


def _pairs(row: Row, origin: dict[str, Any]) -> Iterator[TrainingRow]:
    if isinstance(row.candidate, str):
        return
    labels = {name: row.draw[name] for name in LABELS}
    drawn = {name: value for name, value in row.draw.items() if name not in LABELS}
    for place, example in row.candidate.examples.items():
        scores = row.scores.get(place)
        yield {
            "instruction": row.candidate.instruction,
            "input": example.input,
            "output": example.output,
            **labels,
            **(scores.means if scores and scores.means else {}),
            "provenance": {
                **origin,
                "row": row.number,
                "pair": place,
                "drawn": drawn,
                "judge_samples": scores.samples if scores else 0,
            },
        }


def _published(path: Path) -> Iterator[TrainingRow | Bad]:
    found = find_files(str(path.resolve()), Path())
    source = Source(name="published", licence="as published", path=str(path))
    for file in found.files:
        for number, record in read_file(file):
            row = record if isinstance(record, Bad) else read_row("instructions", record, source)
            if isinstance(row, Bad):
                yield row
            elif isinstance(row, str):
                yield Bad(row)
            else:
                kept = record.get("provenance") if isinstance(record, dict) else None
                origin = kept if isinstance(kept, dict) else {"file": file.name, "row": number}
                yield {**row.columns, "provenance": origin}


def refuse_columns(row: TrainingRow, names: tuple[str, ...]) -> None:
    """Refuses names of columns to stratify by that a row does not have.

    Raises:
        ClueplusError: one is unknown.
    """
    _refuse(names, {*row, "document_type"} - {*TEXTS, "provenance"})


def refuse_scores(path: Path, names: tuple[str, ...]) -> None:
    """Refuses names of scores that the rows at a path can't have.

    Raises:
        ClueplusError: one is unknown.
    """
    known: tuple[str, ...] = _SCORES
    if (path / NAME).is_file():
        judged = read_state(path).recipe.judged
        known = tuple(judged.criteria) if judged else ()
    _refuse(names, {*known})


def _refuse(names: tuple[str, ...], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise ClueplusError(f"no column is called '{name}'", fix=did_you_mean(name, known))


def stratum(row: TrainingRow, names: tuple[str, ...]) -> tuple[str, ...]:
    """A row's values of columns; `document_type` is a document without its section."""
    return tuple(str(_column(row, name)) for name in names)


def _column(row: TrainingRow, name: str) -> Any:
    if name != "document_type":
        return row.get(name, "")
    drawn = row["provenance"].get("drawn") or {}
    return drawn.get(name) or str(row.get("input_data", "")).partition(":")[0]
