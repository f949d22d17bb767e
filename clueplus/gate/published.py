"""Published scores: a table of numbers without the items behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from clueplus.errors import ClueplusError, DataError, did_you_mean
from clueplus.registry import VariantName
from clueplus.registry.catalog import content_folder

PREFIX = "published:"


class PublishedScores(BaseModel):
    """`leaderboard/published.json`: scores in [0, 1] by row and task, with where they come from."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    source: str
    url: str
    licence: str
    unit: Literal["fraction"]
    variant: VariantName
    note: str
    columns: dict[str, str]
    rows: dict[str, dict[str, float]]

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
