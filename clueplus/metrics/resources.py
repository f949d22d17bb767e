"""Components that need more than two texts: a model, a table of terms, a package that is not always here.

A task names the component; what it needs, whether it is here and what it is are asked for in this one table. So every
such component is treated alike: it is prepared in batches, it blocks the column where it is missing, and the record
tells what computed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from clueplus.metrics import bertscore, concepts


class Resource(NamedTuple):
    """What one component needs beyond the two texts."""

    missing: Callable[[], str | None]
    """Why it can't be computed here, as one line with the fix; None when it can."""
    identity: Callable[[], str | None]
    """What scores depend on: two scores with different identities are not comparable. None where it is missing."""
    prepare: Callable[[Sequence[str], Sequence[str]], None]
    """Computes all pairs of predictions and references at once, so that single ones come from memory."""


RESOURCES = {
    "bertscore_f1": Resource(bertscore.bertscore_missing, bertscore.bertscore_identity, bertscore.prepare),
    "umls_f1": Resource(concepts.concepts_missing, concepts.concepts_identity, concepts.prepare),
}


def needed(components: Iterable[str]) -> dict[str, Resource]:
    """The components among these that need a resource, by name."""
    return {name: RESOURCES[name] for name in components if name in RESOURCES}


def why_missing(component: str) -> str | None:
    """Why a component can't be computed here; None when it can, or needs nothing."""
    return RESOURCES[component].missing() if component in RESOURCES else None
