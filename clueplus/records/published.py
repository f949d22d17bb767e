"""Published scores: a table of numbers without the items behind them, so they are shown and never tested."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clueplus.errors import ClueplusError, DataError, did_you_mean
from clueplus.registry import VariantName
from clueplus.registry.catalog import content_folder

PREFIX = "published:"


class PublishedScores(BaseModel):
    """`leaderboard/published.json`: scores in [0, 1] by row and task, with where they come from.

    `columns` maps our tasks to the headings of the source, `bases` a row to the row that its model was made from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    source: str
    url: str = Field(pattern=r"^https://")
    licence: str
    unit: Literal["fraction"]
    variant: VariantName
    note: str
    columns: dict[str, str]
    bases: dict[str, str] = {}
    rows: dict[str, dict[str, float]]

    @model_validator(mode="after")
    def _consistent(self) -> PublishedScores:
        for name, scores in self.rows.items():
            if not scores.keys() <= self.columns.keys():
                raise ValueError(f"the row '{name}' has a score of no column")
            if not all(0 <= score <= 1 for score in scores.values()):
                raise ValueError(f"the row '{name}' has a score outside [0, 1]")
        for pair in self.bases.items():
            if not self.rows.keys() >= set(pair):
                raise ValueError(f"bases names a row that is not there: {pair[0]} or {pair[1]}")
        return self

    def row(self, name: str) -> dict[str, float]:
        """The scores of one row, by task.

        Raises:
            ClueplusError: there is no such row; the message suggests near names.
        """
        if name not in self.rows:
            raise ClueplusError(f"no published scores of '{name}'", fix=did_you_mean(name, self.rows))
        return self.rows[name]


def read_published(path: Path | None = None) -> PublishedScores:
    """The shipped table, or the one in `path`.

    Raises:
        DataError: the file can't be read or is no such table.
    """
    path = path or content_folder("leaderboard") / "published.json"
    try:
        return PublishedScores.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(f"{path}: not a table of published scores", fix="reinstall clueplus") from error
