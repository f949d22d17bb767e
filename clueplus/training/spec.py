"""What every kind of training is told: the optimiser, lengths, batches, guards."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from clueplus.errors import did_you_mean


class Strict(BaseModel):
    """A spec: unknown keys are an error, which names the key that was meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        # `path` is no key of a file: read_yaml adds it.
        known = set(cls.model_fields) - {"path"}
        faults: list[InitErrorDetails] = [
            {"type": unknown_key(str(key), known), "loc": (str(key),), "input": None}
            for key in (data if isinstance(data, dict) else ())
            if key not in cls.model_fields
        ]
        if faults:
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return data


def unknown_key(key: str, known: set[str]) -> PydanticCustomError:
    """The fault of a key that a spec does not have."""
    return PydanticCustomError("unknown_key", "{text}", {"text": f"unknown key; {did_you_mean(key, known)}"})


class Adapter(Strict):
    """Low-rank adapters in place of full fine-tuning; they are merged into the weights at the end."""

    kind: Literal["lora", "dora"] = "lora"
    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] | Literal["all-linear"] = "all-linear"


class Training(Strict):
    """Hyperparameters. `batch` is the effective one: sequences of one optimiser step over all processes.

    `steps` ends the training early; None runs all `epochs`. `device_batch` is what one device holds at once.
    """

    epochs: float = Field(default=1.0, gt=0)
    steps: int | None = Field(default=None, ge=1)
    max_length: int = Field(default=4096, ge=8)
    batch: int = Field(default=512, ge=1)
    device_batch: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0)
    warmup_steps: int = Field(default=35, ge=0)
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    weight_decay: float = Field(default=0.0, ge=0)
    neftune_alpha: float | None = Field(default=5.0, gt=0)
    gradient_checkpointing: bool = False
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    save_steps: int | None = Field(default=None, ge=1)
    held_out: float = Field(default=0.0, ge=0, lt=0.5)
    seed: int = Field(default=1234, ge=0)
    adapter: Adapter | None = None
