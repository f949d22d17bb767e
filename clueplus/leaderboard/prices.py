"""What tokens cost, where the user says so."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from clueplus.registry.yaml_file import read_yaml


class Price(BaseModel):
    """Of a million tokens, in the file's currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: float = Field(ge=0, allow_inf_nan=False)
    completion: float = Field(ge=0, allow_inf_nan=False)


class Prices(BaseModel):
    """A file with prices by model name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: str = Field(min_length=1, max_length=12)
    models: dict[str, Price]
    path: Path

    def cost(self, model: str, prompt_tokens: int | None, completion_tokens: int | None) -> str | None:
        """What a run cost, with the currency; None where a price or a count is not known."""
        price = self.models.get(model)
        if price is None or prompt_tokens is None or completion_tokens is None:
            return None
        amount = (price.prompt * prompt_tokens + price.completion * completion_tokens) / 1e6
        return f"{amount:.2f} {self.currency}"


def read_prices(path: Path) -> Prices:
    """The prices of a YAML file.

    Raises:
        ClueplusError: the file can't be read or is not as declared; the line is named.
    """
    return read_yaml(path, Prices)
