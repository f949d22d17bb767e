"""RadGraph F1 and CheXbert F1: what two published models read in radiology reports. Weights come from local folders.

Nothing is downloaded. `CLUEPLUS_RADGRAPH` names a RadGraph folder (config.json, weights.th, vocabulary), read by the
package `radgraph`; `CLUEPLUS_CHEXBERT` names a folder with chexbert.pth and the tokenizer and config.json of
bert-base-uncased. Both were trained on MIMIC-CXR reports; their terms of use bind whoever loads them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from clueplus.errors import ClueplusError
from clueplus.metrics.observation_rules import OBSERVATIONS
from clueplus.metrics.observations import Label, Labels, ObservationF1, observation_f1

RADGRAPH_VARIABLE, CHEXBERT_VARIABLE = "CLUEPLUS_RADGRAPH", "CLUEPLUS_CHEXBERT"
CHECKPOINT = "chexbert.pth"
RADGRAPH_TYPES = ("radgraph", "radgraph-xl", "modern-radgraph-xl", "echograph")
Level = Literal["simple", "partial", "complete"]
Graph = Mapping[str, Any]  # RadGraph's own: {"entities": {id: {"tokens", "label", "relations": [[name, id]]}}}
Reading = TypeVar("Reading")

# Restricted reports must not outlive their scoring in memory, so the key is the hash of a text.
_cache: dict[tuple[str, bytes], Any] = {}


class Reader(Protocol[Reading]):
    """A model that reads reports."""

    @property
    def identity(self) -> str:
        """What a reading depends on: the model and the sha256 of its weights."""

    def read(self, reports: Sequence[str]) -> list[Reading]:
        """One reading a report, in their order; no report is empty."""


def radgraph_missing() -> str | None:
    """Why RadGraph F1 can't be computed here, as one line with the fix; None when it can."""
    reason = _missing(RADGRAPH_VARIABLE, "a RadGraph folder", ("config.json", "weights.th"))
    if reason:
        return reason
    if Path(os.environ[RADGRAPH_VARIABLE]).name not in RADGRAPH_TYPES:
        return f"not computed: {RADGRAPH_VARIABLE} must name a folder called {', '.join(RADGRAPH_TYPES)}"
    return _lacking(("radgraph", "torch", "transformers"), "pip install 'clueplus[radiology]'")


def chexbert_missing() -> str | None:
    """Why CheXbert F1 can't be computed here, as one line with the fix; None when it can."""
    reason = _missing(CHEXBERT_VARIABLE, "a folder with CheXbert", (CHECKPOINT, "config.json"))
    return reason or _lacking(("torch", "transformers"), "pip install 'clueplus[hf]'")


def radgraph_identity() -> str | None:
    """What RadGraph F1 depends on; None where it can't be computed."""
    return None if radgraph_missing() else _radgraph(Path(os.environ[RADGRAPH_VARIABLE])).identity


def chexbert_identity() -> str | None:
    """What CheXbert F1 depends on; None where it can't be computed."""
    return None if chexbert_missing() else _chexbert(Path(os.environ[CHEXBERT_VARIABLE])).identity


def radgraph_f1(
    prediction: str, reference: str, *, level: Level = "partial", reader: Reader[Graph] | None = None
) -> float | None:
    """RadGraph F1 of one pair, in [0, 1]; None where it can't be computed or neither text has an entity.

    Args:
        prediction: the generated report.
        reference: the report written by a human.
        level: what of an entity must agree: see `graph_f1`.
        reader: what reads the reports; by default the model in `CLUEPLUS_RADGRAPH`.

    Raises:
        ClueplusError: the model can't be loaded.
    """
    if reader is None:
        if radgraph_missing():
            return None
        reader = _radgraph(Path(os.environ[RADGRAPH_VARIABLE]))
    return graph_f1(*read([prediction, reference], reader, {"entities": {}}), level=level)


def graph_f1(prediction: Graph, reference: Graph, *, level: Level = "partial") -> float | None:
    """F1 of the sets of entities of two graphs, in [0, 1]; None where both are empty.

    simple: words and label of an entity; partial: also whether it has a relation; complete: also each relation with the
    words at its other end. These are RG_E, RG_ER and RG_ER-bar of Delbrouck et al., Findings of EMNLP 2022, as the
    package `radgraph` computes them, which lower-cases words in relations only.
    """
    ours, theirs = _facts(prediction, level), _facts(reference, level)
    return 2 * len(ours & theirs) / (len(ours) + len(theirs)) if ours or theirs else None


def chexbert_f1(
    predictions: Sequence[str], references: Sequence[str], *, reader: Reader[Labels] | None = None
) -> ObservationF1:
    """Micro and macro F1 of CheXbert's labels (Smit et al., EMNLP 2020); uncertain counts as positive, as usual.

    Args:
        predictions: the generated reports.
        references: the reports written by humans, as many.
        reader: what labels the reports; by default the model in `CLUEPLUS_CHEXBERT`.

    Raises:
        ClueplusError: the model can't be loaded.
        ValueError: the two differ in length.
    """
    if reader is None:
        missing = chexbert_missing()
        if missing:
            return ObservationF1(None, None, dict.fromkeys(OBSERVATIONS), missing)
        reader = _chexbert(Path(os.environ[CHEXBERT_VARIABLE]))
    labels = read([*predictions, *references], reader, {})
    return observation_f1(labels[: len(predictions)], labels[len(predictions) :], uncertain=True)


def read(texts: Sequence[str], reader: Reader[Reading], nothing: Reading) -> list[Reading]:
    """What a model reads in each text; `nothing` in a blank one. Texts read before are remembered by their hash.

    To call this with all texts of a task before they are scored one by one lets the model work in batches.
    """
    keys = [(reader.identity, hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()) for text in texts]
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in _cache and text.strip()}
    _cache.update(zip(new, reader.read(list(new.values())) if new else [], strict=True))
    return [_cache[key] if text.strip() else nothing for key, text in zip(keys, texts, strict=True)]


class RadGraphReader:
    """The package `radgraph` with weights from a folder."""

    def __init__(self, folder: Path) -> None:
        """Loads the model.

        Raises:
            ClueplusError: the package or its model can't be loaded, or it wants to download something.
        """
        try:
            with _offline():
                import radgraph

                self._model: Any = radgraph.RadGraph(model_type=folder.name, model_cache_dir=str(folder.parent))
        except Exception as error:  # an incomplete folder raises whatever the package and its libraries raise
            raise ClueplusError(
                f"{RADGRAPH_VARIABLE}: {folder} can't be loaded ({type(error).__name__})",
                fix="give the whole folder, and a local path as model_name in its config.json",
            ) from error
        self.identity = f"{folder.name}, weights {_sha256(folder / 'weights.th')}"

    def read(self, reports: Sequence[str]) -> list[Graph]:
        """The graph of each report."""
        found = self._model(list(reports))
        return [found[str(number)] for number in range(len(reports))]


class CheXbertReader:
    """BERT with fourteen heads over its first token, in CheXbert's order of observations and classes."""

    def __init__(self, folder: Path) -> None:
        """Loads the checkpoint.

        Raises:
            ClueplusError: a file can't be loaded, or the checkpoint is not CheXbert's.
        """
        import torch
        from transformers import AutoTokenizer, BertConfig, BertModel

        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            config = BertConfig.from_pretrained(folder, local_files_only=True)
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            saved = torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=True)["model_state_dict"]
            weights = {name.removeprefix("module."): tensor for name, tensor in saved.items()}
            self._bert = BertModel(config, add_pooling_layer=False)
            own = self._bert.state_dict()
            self._bert.load_state_dict({name: weights[f"bert.{name}"] for name in own if "position_ids" not in name})
            heads = [(weights[f"linear_heads.{n}.weight"], weights[f"linear_heads.{n}.bias"]) for n in range(14)]
        except Exception as error:  # a foreign file raises KeyError, UnpicklingError, RuntimeError, OSError, ...
            raise ClueplusError(f"{CHEXBERT_VARIABLE}: {folder} can't be loaded ({type(error).__name__})") from error
        self._bert = self._bert.to(self._device).eval()
        self._heads = [(weight.to(self._device), bias.to(self._device)) for weight, bias in heads]
        self._longest = int(config.max_position_embeddings)
        self.identity = f"chexbert, weights {_sha256(folder / CHECKPOINT)}"

    def read(self, reports: Sequence[str]) -> list[Labels]:
        """The labels of each report."""
        order = sorted(range(len(reports)), key=lambda number: len(reports[number]))
        labels: dict[int, Labels] = {}
        for start in range(0, len(order), 32):
            batch = order[start : start + 32]
            labels.update(zip(batch, self._batch([" ".join(reports[n].split()) for n in batch]), strict=True))
        return [labels[number] for number in range(len(reports))]

    def _batch(self, reports: list[str]) -> list[Labels]:
        encoded = self._tokenizer(
            reports, padding=True, truncation=True, max_length=self._longest, return_tensors="pt"
        ).to(self._device)
        with self._torch.inference_mode():
            first = self._bert(
                input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]
            ).last_hidden_state[:, 0]
            classes = [(first @ weight.T + bias).argmax(dim=1).tolist() for weight, bias in self._heads]
        return [_labels(row) for row in zip(*classes, strict=True)]


def _labels(classes: Sequence[int]) -> Labels:
    # CheXbert's classes: 0 not mentioned, 1 positive, 2 negative, 3 uncertain. "No Finding" has the first two only.
    meaning = {1: Label.POSITIVE, 2: Label.NEGATIVE, 3: Label.UNCERTAIN}
    return {name: meaning[number] for name, number in zip(OBSERVATIONS, classes, strict=True) if number}


def _facts(graph: Graph, level: Level) -> set[tuple[str, ...]]:
    facts: set[tuple[str, ...]] = set()
    for entity in graph["entities"].values():
        fact = (entity["tokens"], entity["label"])
        if level == "simple" or not entity["relations"]:
            facts.add(fact)
        elif level == "partial":
            facts.add((*fact, "has a relation"))
        else:
            others = [(name, graph["entities"][other]["tokens"].lower()) for name, other in entity["relations"]]
            facts |= {(fact[0].lower(), fact[1], *other) for other in others}
    return facts


def _missing(variable: str, what: str, files: Sequence[str]) -> str | None:
    folder = os.environ.get(variable)
    if not folder:
        return f"not computed: set {variable} to {what} ({' and '.join(files)} in it)"
    absent = [name for name in files if not (Path(folder) / name).is_file()]
    return f"not computed: {variable} names {folder}, which holds no {' and no '.join(absent)}" if absent else None


def _lacking(packages: Sequence[str], install: str) -> str | None:
    lacking = [name for name in packages if find_spec(name) is None]
    return f"not computed: {' and '.join(lacking)} not installed; {install}" if lacking else None


@contextmanager
def _offline() -> Iterator[None]:
    """RadGraph's package fetches what it misses; here that must fail instead."""
    from huggingface_hub import constants

    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=1)
def _radgraph(folder: Path) -> RadGraphReader:
    return RadGraphReader(folder)


@lru_cache(maxsize=1)
def _chexbert(folder: Path) -> CheXbertReader:
    return CheXbertReader(folder)
