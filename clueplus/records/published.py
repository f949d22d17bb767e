"""Scores that others published: numbers without items, so they are shown and never tested."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clueplus.errors import ClueplusError
from clueplus.registry import VariantName, content_folder

PUBLISHED_NAME = "published.json"


class Published(BaseModel):
    """A paper's table. `columns` maps our tasks to the paper's headings; `bases` a model to what it was made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    url: str = Field(pattern=r"^https://")
    licence: str
    unit: Literal["fraction"]
    variant: VariantName
    note: str
    columns: dict[str, str]
    bases: dict[str, str] = {}
    rows: dict[str, dict[str, float | None]]

    @model_validator(mode="after")
    def _consistent(self) -> Published:
        for name, row in self.rows.items():
            if set(row) != set(self.columns):
                raise ValueError(f"the row '{name}' has not the columns of the table")
            if any(value is not None and not 0 <= value <= 1 for value in row.values()):
                raise ValueError(f"the row '{name}' has a score outside [0, 1]")
        for name, base in self.bases.items():
            if name not in self.rows or base not in self.rows:
                raise ValueError(f"bases: '{name}' or '{base}' is no row")
        return self


def read_published() -> Published:
    """The published rows that clueplus ships.

    Raises:
        ClueplusError: the file is absent or not as declared.
    """
    path = content_folder("leaderboard") / PUBLISHED_NAME
    try:
        return Published.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise ClueplusError(f"{path}: not the published scores ({type(error).__name__})", fix="reinstall it") from error
