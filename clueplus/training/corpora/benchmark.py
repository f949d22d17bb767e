"""The registered test splits: which are here, and the texts of theirs that must not be trained on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from clueplus.data import Documents, Library, load_splits
from clueplus.data.availability import availability
from clueplus.data.documents import documents_digest
from clueplus.errors import withhold_messages
from clueplus.registry import Catalog, TaskMetadata, TaskSpec, VariantName
from clueplus.training.corpora.manifest import TestSplit
from clueplus.training.corpora.overlap import Index, Wanted, Where, build_index

# The field of a multiple-choice question's options, in every task that has one.
OPTIONS = "options"
# Elements of a list that are longer than this, in characters, are documents of their own, in whatever order.
_OWN_DOCUMENT = 600


@dataclass(frozen=True, repr=False)
class Benchmark:
    """All registered test splits: `splits` tells which are checked, and `index` finds text of those that are."""

    splits: list[TestSplit]
    index: Index


def read_benchmark(catalog: Catalog, library: Library, n: int) -> Benchmark:
    """Every variant of every task that is here.

    A split that is absent, changed or broken is told as unchecked: what can't be compared with must not look clean.

    Args:
        catalog: the tasks.
        library: where their data is.
        n: length of the runs of words that count.
    """
    splits: list[TestSplit] = []
    texts: list[tuple[Where, Wanted]] = []
    for spec in catalog.tasks.values():
        for variant in spec.metadata.variants:
            where = Where(spec.name, variant)
            split, documents = _load(spec, variant, library)
            splits.append(split)
            texts += ((where, text) for document in documents for text in wanted(document, spec.metadata))
    return Benchmark(splits, build_index(texts, n))


def _load(spec: TaskSpec, variant: VariantName, library: Library) -> tuple[TestSplit, Documents]:
    tier = spec.metadata.variants[variant].tier
    here = availability(spec, variant, library)
    reason = None if here.present else f"not on this machine ({here.fix})"
    documents = Documents()
    if tier == "restricted" and here.present:
        withhold_messages(f"{spec.name} is restricted")
    if here.present:
        try:
            documents = load_splits(spec, variant, library).test
        except Exception as error:  # a changed file, or a task of somebody else; what it says may hold a document
            reason = f"can't be read ({type(error).__name__}): clueplus data verify {spec.name}"
    split = TestSplit(
        task=spec.name,
        variant=variant,
        tier=tier,
        documents=None if reason else len(documents),
        sha256=None if reason else documents_digest(documents),
        unchecked=reason,
    )
    return split, documents


def wanted(document: dict[str, Any], metadata: TaskMetadata) -> Iterator[Wanted]:
    """The texts of a test document that are looked for: its text fields one by one, never the prompt around them.

    Left out are labels (the id, the cluster, what scores are broken down by) and annotations in JSON, which repeat the
    text that they annotate. Of options, only what leaves one option counts: each alone is a definition or a term.
    """
    for name, value in _text_fields(document, metadata):
        if name == OPTIONS and isinstance(value, list):
            yield Wanted.of_parts(value)
            yield Wanted.of_parts([f"{chr(ord('A') + place)} {text}" for place, text in enumerate(value)])
        elif isinstance(value, list) and max(map(len, value)) > _OWN_DOCUMENT:
            yield from map(Wanted.of, value)
        else:
            yield Wanted.of("\n".join(value) if isinstance(value, list) else value)


def _text_fields(document: dict[str, Any], metadata: TaskMetadata) -> Iterator[tuple[str, Any]]:
    """The fields of a document that hold text, with their text or list of texts."""
    labels = {"id", *metadata.breakdowns, *({metadata.cluster} - {metadata.input, metadata.reference})}
    for name, kind in metadata.fields.items():
        value = document[name]
        if name not in labels and kind != "int" and value and not _is_annotation(value):
            yield name, value


def _is_annotation(value: str | Sequence[str]) -> bool:
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return False
    try:
        return isinstance(json.loads(value), list | dict)
    except (ValueError, RecursionError):
        return False
