"""The two that are compared: runs, or rows of published scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clueplus.errors import ClueplusError, StoreError
from clueplus.files import canonical_json, sha256
from clueplus.gate.verdict import Side
from clueplus.records.published import PREFIX, PublishedScores, read_published
from clueplus.records.run import RECORD_NAME, Run, read_run


@dataclass(frozen=True)
class Published:
    """A row of published scores as one side."""

    name: str
    table: PublishedScores

    @property
    def scores(self) -> dict[str, float]:
        """By task."""
        return self.table.row(self.name)


@dataclass(frozen=True)
class Unreadable:
    """A run whose record exists and can't be read: truncated, corrupt, or of another schema."""

    source: str
    why: str


Opened = Run | Published | Unreadable


def open_side(source: str) -> Opened:
    """A run's folder, its run.json, or "published:ROW".

    Raises:
        ClueplusError: there is no such run or row.
    """
    if source.startswith(PREFIX):
        table, name = read_published(), source.removeprefix(PREFIX)
        table.row(name)
        return Published(name, table)
    path = Path(source)
    record = path if path.name == RECORD_NAME else path / RECORD_NAME
    if not record.is_file():
        raise ClueplusError(f"{source}: no run there", fix=f"give a run's folder, its run.json, or {PREFIX}ROW")
    try:
        return read_run(path)
    except (StoreError, UnicodeDecodeError) as error:
        return Unreadable(source, error.message if isinstance(error, ClueplusError) else "not text")


def describe(opened: Opened) -> Side:
    """Which run or row it is."""
    if isinstance(opened, Published):
        return Side(source=f"{PREFIX}{opened.name}", model=opened.name, variant=opened.table.variant)
    if isinstance(opened, Unreadable):
        return Side(source=opened.source, model="unknown")
    record = opened.record
    return Side(
        source=str(opened.folder),
        model=record.model.name,
        run=record.run,
        created=record.created,
        variant=record.variant,
        identity=identity(opened),
        clueplus=record.clueplus,
    )


def identity(run: Run) -> str:
    """A hash of which model answered, with its weights or revision and its template."""
    return sha256(canonical_json(run.record.model.identity))[:16]
