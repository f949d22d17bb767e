"""What `models/<name>.yaml` declares: which weights, and how they are served and spoken to."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ServeSpec(BaseModel):
    """Flags of the engine; `extra` goes to `vllm serve` as it is.

    `lora` is an adapter's folder or hub id: the model is then the adapter on the weights. Multi-node runs need
    `extra: [--distributed-executor-backend, ray]`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dtype: str = "auto"
    max_model_len: int | None = Field(default=None, gt=0)
    tensor_parallel_size: int = Field(default=1, ge=1)
    pipeline_parallel_size: int = Field(default=1, ge=1)
    data_parallel_size: int = Field(default=1, ge=1)
    quantization: str | None = None
    lora: str | None = None
    extra: list[str] = []


class Reasoning(BaseModel):
    """The marks around a model's reasoning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: str = Field(default="<think>", min_length=1)
    end: str = Field(default="</think>", min_length=1)


class ModelSpec(BaseModel):
    """One model: a baseline that needs no weights, or a checkpoint that an engine serves.

    `revision` pins the weights; null means that nobody has pinned them, and the record says so. `reasoning` are the
    marks around what the model thinks aloud: it is no part of the answer.
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
    reasoning: Reasoning = Reasoning()
    serve: ServeSpec = ServeSpec()
    homepage: str | None = Field(default=None, pattern=r"^https://")
    path: Path
