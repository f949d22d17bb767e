"""What `models/<name>.yaml` declares: which weights, and how they are served and spoken to."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ServeSpec(BaseModel):
    """Flags of the engine; `extra` goes to `vllm serve` as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dtype: str = "auto"
    max_model_len: int | None = Field(default=None, gt=0)
    tensor_parallel_size: int = Field(default=1, ge=1)
    pipeline_parallel_size: int = Field(default=1, ge=1)
    extra: list[str] = []


class ModelSpec(BaseModel):
    """One model: a baseline that needs no weights, or a checkpoint that an engine serves.

    `revision` pins the weights; null means that nobody has pinned them, and the record says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._:-]*$")
    kind: Literal["baseline", "served"]
    description: str
    weights: str | None = None
    revision: str | None = None
    licence: str
    parameters: int | None = Field(default=None, gt=0)
    context: int | None = Field(default=None, gt=0)
    base: str | None = None
    api: Literal["chat", "completions"] = "chat"
    stop: list[str] = []
    serve: ServeSpec = ServeSpec()
    homepage: str | None = Field(default=None, pattern=r"^https://")
    path: Path
