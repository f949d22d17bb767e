"""Tasks as lm-eval builds them: the prompts, the targets and the scoring are those of stock lm-eval."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from clueplus.data import Library, Splits
from clueplus.data.imported import read_manifest
from clueplus.errors import ClueplusError, one_line, withhold_messages
from clueplus.evaluation.parity import Parity, read_parity
from clueplus.models import Decoding, Example, Pool
from clueplus.models.base import Api, Prompt
from clueplus.models.baselines import input_text
from clueplus.records.rewriting import MadeBy
from clueplus.registry import Catalog, Scoring, TaskSpec, Variant, VariantName

Item = TypeVar("Item")


@dataclass(frozen=True, repr=False)
class LoadedTask:
    """One task with the documents of one variant, and the scoring version that its answers get.

    `parity` is None where that is the task's own, "clueplus-1".
    """

    spec: TaskSpec
    variant_name: VariantName
    splits: Splits
    lm_task: Any
    sources: Mapping[str, str]
    made_by: MadeBy | None = None
    parity: Parity | None = None

    @property
    def name(self) -> str:
        """The task's id."""
        return self.spec.name

    @property
    def variant(self) -> Variant:
        """The variant that is loaded."""
        return self.spec.metadata.variants[self.variant_name]

    @property
    def scoring(self) -> Scoring:
        """The scoring version."""
        return "clue-2024" if self.parity else "clueplus-1"

    @property
    def beside(self) -> tuple[str, ...]:
        """What is reported beside the column: nothing in CLUE."""
        return () if self.parity else tuple(self.spec.metadata.beside)

    @property
    def measures(self) -> tuple[str, ...]:
        """The components of the column, and what is reported beside them."""
        return (*self.spec.metadata.components, *self.beside)

    @property
    def decoding(self) -> Decoding:
        """How the task wants answers generated."""
        wanted = self.spec.generation_kwargs
        return Decoding(int(wanted["max_gen_toks"]), float(wanted["temperature"]), tuple(wanted["until"]))

    def prompt(self, document: Mapping[str, Any], api: Api) -> Prompt:
        """The rendered prompt, few-shot examples included: messages for a chat API, else text."""
        messages: list[dict[str, str]] = []

        def keep(turns: list[dict[str, str]], **_: Any) -> str:
            messages.extend(dict(turn) for turn in turns)
            return ""

        rendered: str = self.lm_task.fewshot_context(
            document,
            num_fewshot=self.spec.num_fewshot,
            apply_chat_template=api == "chat",
            fewshot_as_multiturn=api == "chat",
            chat_template=keep if api == "chat" else None,
            gen_prefix=self.lm_task.doc_to_prefix(document),
        )
        return messages if api == "chat" else rendered

    def cut(self, document: Mapping[str, Any], characters: int) -> dict[str, Any]:
        """The document with so many characters less in the middle of its longest texts, and marks in their place."""
        name = self.spec.metadata.overlong.field
        assert name is not None, "the task's policy is to refuse"
        value = document[name]
        if isinstance(value, str):
            return {**document, name: cut_middle(value, characters)}
        level = _level([len(text) for text in value], characters)
        return {**document, name: [cut_middle(text, len(text) - level) for text in value]}

    def cuttable(self, document: Mapping[str, Any]) -> int:
        """The most characters that `cut` can take out of a document; 0 where the policy is to refuse."""
        name = self.spec.metadata.overlong.field
        if name is None:
            return 0
        value = document[name]
        return len(value) if isinstance(value, str) else sum(map(len, value))

    def target(self, document: Mapping[str, Any]) -> str:
        """The reference answer as text."""
        return str(self.lm_task.doc_to_target(document))

    def score(self, document: Mapping[str, Any], text: str) -> dict[str, Any]:
        """The `process_results` of the task, or of its parity module, on one answer."""
        process_results = self.parity.process_results if self.parity else self.lm_task.process_results
        return dict(process_results(document, [text]))

    def counted(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items as a mean takes them: each once, or as CLUE's lists hold them."""
        return self.parity.counted(items) if self.parity else items

    def aggregate(self, metric: str) -> Callable[[Sequence[Any]], float]:
        """lm-eval's aggregation of one metric over the items that have it."""
        found: Callable[[Sequence[Any]], float] = self.lm_task.aggregation()[metric]
        return found

    @property
    def pool(self) -> Pool:
        """The few-shot pool as baselines see it."""
        metadata = self.spec.metadata
        examples = [Example(input_text(d, metadata), self.target(d)) for d in self.splits.fewshot]
        return Pool(metadata, examples)


def load_tasks(
    specs: Sequence[TaskSpec],
    catalog: Catalog,
    variant: VariantName,
    library: Library,
    scoring: Scoring = "clueplus-1",
) -> list[LoadedTask]:
    """The tasks with their documents, in the order of `specs`, to be scored in the version `scoring`.

    Raises:
        ClueplusError: data is absent or changed, lm-eval refuses a task, or a task lacks that scoring.
    """
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    from lm_eval.tasks import TaskManager

    _memoise_templates()
    restricted = [spec.name for spec in specs if spec.metadata.variants[variant].tier == "restricted"]
    if restricted:
        withhold_messages(f"{restricted[0]} is restricted")
    manager = TaskManager(
        include_path=[str(folder) for folder in catalog.task_dirs],
        include_defaults=False,
        metadata={"variant": variant, "library": library},
    )
    loaded = []
    for spec in specs:
        try:
            lm_task = manager.load([spec.name])["tasks"][spec.name]
        except ClueplusError:
            raise
        except Exception as error:
            what = type(error).__name__ + ("" if restricted else f": {one_line(str(error))}")
            raise ClueplusError(f"{spec.path}: lm-eval can't build the task: {what}") from error
        splits = Splits(lm_task.dataset["test"], lm_task.dataset["fewshot"])
        parity = read_parity(spec) if scoring == "clue-2024" else None
        loaded.append(LoadedTask(spec, variant, splits, lm_task, *_origin(spec, variant, library), parity))
    return loaded


def _origin(spec: TaskSpec, variant: VariantName, library: Library) -> tuple[dict[str, str], MadeBy | None]:
    """The sha256 of each file that the documents come from, and the model that made them, if one did."""
    chosen = spec.metadata.variants[variant]
    if chosen.imported:
        manifest = read_manifest(library.folder, spec.name, variant)
        return manifest.sources, manifest.made_by
    return {source.file: source.sha256 for source in chosen.sources}, None


def cut_middle(text: str, characters: int) -> str:
    """The text without so many characters around its middle; notes begin and end with what matters most."""
    if characters <= 0:
        return text
    kept = max(0, len(text) - characters)
    head = (kept + 1) // 2
    return f"{text[:head].rstrip()}\n[...]\n{text[len(text) - (kept - head) :].lstrip()}"


def _level(lengths: Sequence[int], characters: int) -> int:
    """The greatest length to which all longer texts are cut so that at least so many characters go."""
    left = max(0, sum(lengths) - characters)
    for place, length in enumerate(sorted(lengths)):
        share = left // (len(lengths) - place)
        if length > share:
            return share
        left -= length
    return max(lengths, default=0)


@lru_cache(maxsize=1)
def _memoise_templates() -> None:
    """Compiles each Jinja template once: lm-eval compiles it anew for every document, most of the time of a plan."""
    from lm_eval import utils

    utils.env.from_string = lru_cache(maxsize=256)(utils.env.from_string)
