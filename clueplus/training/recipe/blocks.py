"""The blocks of a recipe: one a stage, with the names of the stages that it takes something from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticCustomError

from clueplus.errors import ClueplusError
from clueplus.evaluation.options import Backend
from clueplus.models.base import Api
from clueplus.registry import VariantName
from clueplus.training.alignment.spec import AlignSpec
from clueplus.training.corpora.spec import CorpusSpec
from clueplus.training.experts.spec import ExpertSpec
from clueplus.training.merging.config import MergeConfig
from clueplus.training.spec import Strict

Kind = Literal["corpus", "expert", "merge", "align", "evaluate", "gate"]
KINDS: tuple[Kind, ...] = ("corpus", "expert", "merge", "align", "evaluate", "gate")
BASE = "base"
# What a stage may take its weights from; `base` beside them.
MODELS: tuple[Kind, ...] = ("expert", "merge", "align")


class Input(NamedTuple):
    """A stage that another one takes something from.

    Attributes:
        key: where the name stands in the block.
        name: of the stage, or `base`.
        kinds: what it may be: the corpus of an expert is no checkpoint.
    """

    key: tuple[str | int, ...]
    name: str
    kinds: tuple[Kind, ...]


class CorpusStage(CorpusSpec):
    """A corpus. `tokens` is about how many it will have, for a plan that is made before the corpus is."""

    tokens: int | None = Field(default=None, ge=1)

    def inputs(self) -> list[Input]:
        """None: a corpus comes from outside the recipe."""
        return []

    def spec(self) -> CorpusSpec:
        """What the stage function gets."""
        return CorpusSpec.model_validate(self.model_dump(exclude={"tokens"}))


class ExpertStage(ExpertSpec):
    """An expert: `base`, trained on `corpus`."""

    base: str = BASE
    corpus: str

    def inputs(self) -> list[Input]:
        """The model and the corpus."""
        return [Input(("base",), self.base, MODELS), Input(("corpus",), self.corpus, ("corpus",))]

    def spec(self) -> ExpertSpec:
        """What the stage function gets."""
        return ExpertSpec.model_validate(self.model_dump(exclude={"base", "corpus"}))


class AlignStage(AlignSpec):
    """An alignment: `base`, trained on the instruction or preference `rows`."""

    base: str = BASE
    rows: str

    def inputs(self) -> list[Input]:
        """The model and the corpus of rows."""
        return [Input(("base",), self.base, MODELS), Input(("rows",), self.rows, ("corpus",))]

    def spec(self) -> AlignSpec:
        """What the stage function gets."""
        return AlignSpec.model_validate(self.model_dump(exclude={"base", "rows"}))


class MergeStage(MergeConfig):
    """A merge configuration whose models are stages, or `base`."""

    path: Path = Path("merge")

    @model_validator(mode="wrap")
    @classmethod
    def _at_its_line(cls, data: Any, handler: ModelWrapValidatorHandler[MergeStage]) -> MergeStage:
        """The merge's own check; its fault is told with the line of the recipe."""
        try:
            return handler(data)
        except ClueplusError as error:
            text = str(error).removeprefix("merge: ")
            raise PydanticCustomError("merge", "{text}", {"text": text}) from error

    def inputs(self) -> list[Input]:
        """Every model, the base first."""
        found = [] if self.base_model is None else [Input(("base_model",), self.base_model, MODELS)]
        found += [Input(("models", at, "model"), entry.model, MODELS) for at, entry in enumerate(self.models)]
        for number, part in enumerate(self.slices):
            for at, source in enumerate(part.sources):
                found.append(Input(("slices", number, "sources", at, "model"), source.model, MODELS))
        return found

    def spec(self, renamed: Callable[[str], str] = str) -> dict[str, Any]:
        """The configuration, as JSON, with every model's name `renamed`."""
        data = self.model_dump(mode="json", exclude={"path"}, exclude_defaults=True)
        for entry in [*data.get("models", ()), *(one for part in data.get("slices", ()) for one in part["sources"])]:
            entry["model"] = renamed(entry["model"])
        for key in ("base_model", "tokenizer_source", "generation_config"):
            # There, "base" is the merge's own base, whichever model that is.
            if data.get(key) is not None and (key == "base_model" or data[key] != BASE):
                data[key] = renamed(data[key])
        if self.tokenizer and self.tokenizer.source != BASE:
            data["tokenizer"] = {"source": renamed(self.tokenizer.source)}
        return data


class EvaluateStage(Strict):
    """An evaluation of `model` on tasks of the benchmark, as `clueplus evaluate` makes it."""

    model: str
    tasks: tuple[str, ...] = ("clueplus_open",)
    variant: VariantName = "official"
    backend: Backend = "vllm"
    limit: int | None = Field(default=None, ge=1)
    api: Api | None = None
    engine_args: str = ""

    def inputs(self) -> list[Input]:
        """The model."""
        return [Input(("model",), self.model, MODELS)]

    def spec(self) -> dict[str, Any]:
        """What decides the scores."""
        return self.model_dump(mode="json", exclude={"model"})


class GateStage(Strict):
    """May the candidate's evaluation replace the baseline's? `policy` is a file beside the recipe; None is ours."""

    baseline: str
    candidate: str
    policy: str | None = None

    def inputs(self) -> list[Input]:
        """Both evaluations."""
        return [Input((key,), getattr(self, key), ("evaluate",)) for key in ("baseline", "candidate")]

    def spec(self) -> dict[str, Any]:
        """What decides the verdict, beside the policy's content."""
        return {}


Block = CorpusStage | ExpertStage | MergeStage | AlignStage | EvaluateStage | GateStage


class Stage(Strict):
    """One stage: exactly one block."""

    corpus: CorpusStage | None = None
    expert: ExpertStage | None = None
    merge: MergeStage | None = None
    align: AlignStage | None = None
    evaluate: EvaluateStage | None = None
    gate: GateStage | None = None

    @model_validator(mode="after")
    def _one_block(self) -> Stage:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"a stage is one of {', '.join(KINDS)}; this one has {' and '.join(given) or 'none'}")
        return self

    @property
    def kind(self) -> Kind:
        """Which block it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def block(self) -> Block:
        """The block."""
        block: Block = getattr(self, self.kind)
        return block
