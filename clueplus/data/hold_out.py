"""Few-shot examples out of a set that has no split of its own: whole clusters, by hash, never seen in the test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from clueplus.data.documents import Document
from clueplus.files import canonical_json, sha256

_SHARE = 20
_FEWEST = 4


def hold_out(
    documents: Iterable[Document], cluster: str, apart: str, order: Callable[[Document], Any]
) -> dict[str, list[Document]]:
    """The documents as "test" and "fewshot": of a twentieth of the clusters, at least four, examples are made.

    Which ones depends on the cluster's name alone, so another user's import of the same files holds out the same.

    Args:
        documents: all of one set.
        cluster: the field that makes documents dependent.
        apart: the field of which no value may stand in both splits; the test keeps it.
        order: the key by which the pool is sorted: its first examples are the shots of every prompt.
    """
    everything = list(documents)
    names = sorted({str(document[cluster]) for document in everything}, key=lambda name: sha256(f"hold out {name}"))
    held = set(names[: max(_FEWEST, len(names) // _SHARE)])
    test = [document for document in everything if str(document[cluster]) not in held]
    tested = {canonical_json(document[apart]) for document in test}
    pool = [
        document
        for document in everything
        if str(document[cluster]) in held and canonical_json(document[apart]) not in tested
    ]
    return {"test": test, "fewshot": sorted(pool, key=order)}
