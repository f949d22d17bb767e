"""The documents of a task: plain dictionaries, checked against the fields that the task declares."""

from __future__ import annotations

import hashlib
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clueplus.errors import DataError
from clueplus.files import canonical_json, sha256
from clueplus.registry import TaskMetadata

Document = dict[str, Any]


class Documents(list[Document]):
    """A list of documents that lm-eval accepts as a split: it also asks for the names of the fields."""

    @property
    def features(self) -> dict[str, None]:
        """The field names, as the keys of a mapping."""
        return dict.fromkeys(self[0]) if self else {}


@dataclass(frozen=True, repr=False)
class Splits:
    """The test documents of one variant, and the disjoint pool that few-shot examples come from, in a fixed order."""

    test: Documents
    fewshot: Documents

    def digest(self) -> dict[str, str]:
        """The sha256 of each split's canonical JSON Lines."""
        return {"test": documents_digest(self.test), "fewshot": documents_digest(self.fewshot)}


def documents_digest(documents: Iterable[Document]) -> str:
    """The sha256 over the canonical JSON of `documents`, one a line, in order."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(canonical_json(document).encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def document_hash(document: Mapping[str, Any]) -> str:
    """The sha256 of one document's canonical JSON: what pairs an item between two runs."""
    return sha256(canonical_json(document))


_CHECKS = {
    "str": lambda v: isinstance(v, str) and bool(v.strip()),
    "str?": lambda v: v is None or isinstance(v, str),
    "int": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "list[str]": lambda v: isinstance(v, list) and bool(v) and all(isinstance(x, str) and x.strip() for x in v),
}


def check_splits(splits: Splits, metadata: TaskMetadata, name: str) -> Splits:
    """`splits` unchanged, once they are what the task declares.

    Field types fit, ids are unique, and no few-shot example is also a test document: neither its id nor its input.

    Raises:
        DataError: the first fault; it names split, row number and field, never the text.
    """
    for split, documents in (("test", splits.test), ("fewshot", splits.fewshot)):
        if not documents:
            raise DataError(f"{name}: the {split} split is empty")
        for row, document in enumerate(documents, start=1):
            if set(document) != set(metadata.fields):
                odd = sorted(set(document) ^ set(metadata.fields))
                raise DataError(f"{name}: {split} row {row}: missing or undeclared field {', '.join(odd)}")
            for field, kind in metadata.fields.items():
                if not _CHECKS[kind](document[field]):
                    raise DataError(f"{name}: {split} row {row}: field '{field}' is not a non-empty {kind}")
    _check_ids(splits, name)
    inputs = {sha256(canonical_json(document[metadata.input])) for document in splits.test}
    for row, document in enumerate(splits.fewshot, start=1):
        if sha256(canonical_json(document[metadata.input])) in inputs:
            raise DataError(f"{name}: few-shot row {row} has the same {metadata.input} as a test document")
    return splits


def _check_ids(splits: Splits, name: str) -> None:
    seen: dict[str, str] = {}
    for split, documents in (("test", splits.test), ("fewshot", splits.fewshot)):
        for row, document in enumerate(documents, start=1):
            first = seen.setdefault(document["id"], f"{split} row {row}")
            if first != f"{split} row {row}":
                raise DataError(f"{name}: {split} row {row}: its id is that of {first}")


def _are_labels(values: Iterable[Any]) -> bool:
    """Whether values are short enough to be labels; a description holds no text of a document."""
    return all(len(str(value)) <= 40 for value in values)


def describe(documents: Documents, metadata: TaskMetadata) -> dict[str, Any]:
    """What `stats.json` holds for one split: counts, hash, lengths in characters, and small label sets."""
    fields: dict[str, Any] = {}
    for field, kind in metadata.fields.items():
        values = [document[field] for document in documents]
        if field != "id" and len({canonical_json(v) for v in values}) <= 30 and _are_labels(values):
            counts = Counter("null" if v is None else str(v) for v in values)
            fields[field] = {"values": dict(sorted(counts.items()))}
        elif kind in ("str", "list[str]"):
            texts = ["\n".join(v) if isinstance(v, list) else v for v in values]
            lengths = [len(text) for text in texts]
            fields[field] = {
                "characters": {"min": min(lengths), "mean": round(statistics.fmean(lengths), 2), "max": max(lengths)},
                "distinct": len(set(texts)),
            }
    return {"documents": len(documents), "sha256": documents_digest(documents), "fields": fields}
