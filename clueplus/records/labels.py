"""How an item is named in a record: as its document names it, or by hashes where the document is restricted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from clueplus.files import sha256
from clueplus.registry import TaskMetadata, Tier

_CATEGORY = re.compile(r"[\w /+-]{1,24}")


def labels(document: Mapping[str, Any], metadata: TaskMetadata, tier: Tier) -> dict[str, Any]:
    """The fields `id`, `cluster` and `groups` of a document's item record.

    Args:
        document: with every field that the task declares.
        metadata: which field is the cluster, and which ones items are grouped by.
        tier: of the documents.
    """
    restricted = tier == "restricted"
    # What makes items dependent can be their text itself, and no record holds text, whoever may read it.
    is_text = metadata.cluster in (metadata.input, metadata.reference)

    def label(value: Any, hidden: bool = restricted) -> str:
        text = "none" if value is None else str(value)
        return sha256(text)[:16] if hidden else text

    def group(value: Any) -> str:
        # A group's name is a category, which a reader must see; anything longer might be a piece of a note.
        return label(value, restricted and not _CATEGORY.fullmatch(str(value)))

    return {
        "id": label(document["id"]),
        "cluster": label(document[metadata.cluster], restricted or is_text),
        "groups": {field: group(document[field]) for field in metadata.breakdowns},
    }
