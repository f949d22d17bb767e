"""What a task folder declares: lm-eval's own keys plus typed, required metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Tier = Literal["sample", "open", "restricted"]
VariantName = Literal["official", "open", "sample"]
Scoring = Literal["clueplus-1", "clue-2024"]
FieldType = Literal["str", "int", "list[str]", "str?"]
Access = Literal["shipped", "download", "by URL", "credentialed", "rebuilt"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceFile(_Strict):
    """One upstream file, pinned.

    `file` is its place under the data folder and under a mirror. `sha256` is of the file itself: where `url` is an
    archive, of the `member`; where a mirror holds `file` + ".gz", of the unpacked content.
    """

    file: str = Field(pattern=r"^[\w-][\w.-]*(/[\w-][\w.-]*)+$")
    url: str = Field(pattern=r"^https://")
    member: str | None = None
    commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: str
    tier: Tier


class ImportSpec(_Strict):
    """Where a user gets the files that they import.

    `access`: by URL (anybody may fetch the file, but no hash of it is known here), credentialed (under an agreement
    that the user signs), or rebuilt (never released; a model makes it from what is). `url` is the page to start from.
    `extra` is an extra of clueplus without which the import leaves rows out.
    """

    access: Literal["by URL", "credentialed", "rebuilt"]
    url: str = Field(pattern=r"^https://")
    extra: str | None = None


class Variant(_Strict):
    """One set of documents of a task. An average never mixes variants of different names.

    Documents are built from pinned `sources`, or were `imported` by the user from files that they hold.
    """

    tier: Tier
    licence: str
    description: str
    sources: list[SourceFile] = []
    imported: ImportSpec | None = None

    @property
    def access(self) -> Access:
        """How one gets the documents."""
        if self.imported:
            return self.imported.access
        return "download" if self.sources else "shipped"

    @model_validator(mode="after")
    def _one_origin(self) -> Variant:
        if self.imported and self.sources:
            raise ValueError("an imported variant has no sources of its own")
        if self.tier == "restricted" and not self.imported:
            raise ValueError("restricted documents are imported by the user")
        return self


class Lead(_Strict):
    """How `baseline:lead` answers: the first `words` words of the document's `field`, or always `constant`."""

    field: str | None = None
    words: int | None = Field(default=None, gt=0)
    constant: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Lead:
        if (self.constant is None) == (self.field is None or self.words is None):
            raise ValueError("give either 'field' and 'words', or 'constant'")
        return self


class Overlong(_Strict):
    """What happens to a prompt that does not fit the model's context, with room for the answer.

    `refuse` leaves the item out, as an infrastructure error; `cut_middle` takes characters out of the middle of the
    document's `field` (of the longest texts, down to one length, where that is a list) until the prompt fits.
    """

    policy: Literal["refuse", "cut_middle"] = "refuse"
    field: str | None = None

    @model_validator(mode="after")
    def _field_to_cut(self) -> Overlong:
        if (self.policy == "cut_middle") == (self.field is None):
            raise ValueError("cut_middle needs 'field', refuse takes none")
        return self


class TaskMetadata(_Strict):
    """The part of a task that lm-eval does not know: provenance, scoring and what a reader must be told.

    `components` are averaged without weights into the task's column; `beside` are reported next to it. `breakdowns`
    are document fields by which the column is also shown. `cluster` is the document field that makes items dependent
    (a patient, a note, a code). `input` is the document field in which `baseline:nearest` looks for similar examples.
    `scoring` names the scoring versions: "clueplus-1" is what the YAML declares, "clue-2024" is in `clue2024.py`.
    """

    version: int = Field(ge=1)
    title: str
    description: str
    homepage: str = Field(pattern=r"^https://")
    citation: str
    task_type: str
    languages: list[str] = ["en"]
    components: list[str] = Field(min_length=1)
    primary_metric: str = "score"
    beside: list[str] = []
    breakdowns: list[str] = []
    cluster: str = "id"
    input: str
    reference: str
    fields: dict[str, FieldType]
    scoring: list[Scoring] = Field(min_length=1)
    trivial_baseline: Literal["majority", "lead", "nearest"]
    lead: Lead
    overlong: Overlong = Overlong()
    variants: dict[VariantName, Variant] = Field(min_length=1)
    superseded_by: str | None = None

    @model_validator(mode="after")
    def _fields_exist(self) -> TaskMetadata:
        if "clueplus-1" not in self.scoring:
            raise ValueError("scoring lacks 'clueplus-1'")
        if self.fields.get("id") != "str":
            raise ValueError("fields lacks 'id: str'")
        for role, name in {"cluster": self.cluster, "input": self.input, "reference": self.reference}.items():
            if name not in self.fields:
                raise ValueError(f"{role} names '{name}', which is not in fields")
        for name in [*self.breakdowns, *(name for name in (self.lead.field, self.overlong.field) if name)]:
            if name not in self.fields:
                raise ValueError(f"'{name}' is not in fields")
        return self


class TaskSpec(BaseModel):
    """A task folder: the keys of an lm-eval task that clueplus uses, and `metadata`.

    Only generated answers are scored today, so `output_type` has one value. Unknown keys are errors: a misspelt
    lm-eval key would otherwise change a benchmark in silence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    tag: list[str] = []
    custom_dataset: str = Field(pattern=r"^!function ")
    output_type: Literal["generate_until"]
    test_split: Literal["test"]
    fewshot_split: Literal["fewshot"]
    fewshot_config: dict[str, Any]
    num_fewshot: int = Field(ge=0)
    doc_to_text: str
    doc_to_target: str
    target_delimiter: str = " "
    fewshot_delimiter: str = "\n\n"
    generation_kwargs: dict[str, Any]
    process_results: str = Field(pattern=r"^!function ")
    metric_list: list[dict[str, Any]]
    metadata: TaskMetadata
    path: Path

    @property
    def name(self) -> str:
        """The task's id."""
        return self.task

    @property
    def folder(self) -> Path:
        """The folder that holds the YAML, the code, the samples, the statistics and the card."""
        return self.path.parent

    @model_validator(mode="after")
    def _complete(self) -> TaskSpec:
        metrics = [entry.get("metric") for entry in self.metric_list]
        for name in ("score", *self.metadata.components, *self.metadata.beside, "unscorable"):
            if name not in metrics:
                raise ValueError(f"metric_list lacks '{name}'")
        if self.fewshot_config.get("sampler") != "first_n":
            raise ValueError("fewshot_config.sampler must be first_n: the same examples for every model and every run")
        for key in ("max_gen_toks", "until", "temperature"):
            if key not in self.generation_kwargs:
                raise ValueError(f"generation_kwargs lacks '{key}'")
        return self


class GroupSpec(BaseModel):
    """A named list of tasks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    task: list[str] = Field(min_length=1)
    aggregate_metric_list: list[dict[str, Any]] = []
    metadata: dict[str, Any] = {}
    path: Path

    @property
    def name(self) -> str:
        """The group's id."""
        return self.group
