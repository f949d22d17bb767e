"""UMLS F1: which medical concepts of a reference text a prediction has, as sets.

What a concept is, an extractor says. `CLUEPLUS_CONCEPTS` chooses it: the path of a term table (TSV or CSV with the
columns `cui` and `term`), or the word `scispacy` for the linker that CLUE uses. The UMLS needs a licence, so no table
is shipped; where the variable is not set, the component is not computed and says why.

    precision = shared / concepts of the prediction,  recall = shared / concepts of the reference
    F1 = 2 * shared / (concepts of the prediction + concepts of the reference)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

CONCEPTS_VARIABLE = "CLUEPLUS_CONCEPTS"
SCISPACY = "scispacy"
NO_CONCEPTS = "neither text has a concept that the extractor knows"


class ConceptExtractor(Protocol):
    """What finds concepts in texts."""

    @property
    def identity(self) -> str:
        """What the concepts found depend on: name, version, hash of the table."""

    def concepts(self, texts: Sequence[str]) -> list[frozenset[str]]:
        """The concepts (CUIs, or canonical names) of each text, in the order of the texts."""


class ConceptScore(NamedTuple):
    """Fractions in [0, 1]; None where they are not defined, and why F1 is not."""

    precision: float | None
    recall: float | None
    f1: float | None
    reason: str | None = None


# Restricted notes must not outlive their scoring in memory, so the key is the hash of a text.
_cache: dict[tuple[str, bytes], frozenset[str]] = {}


def concept_score(predicted: AbstractSet[str], reference: AbstractSet[str]) -> ConceptScore:
    """Precision, recall and F1 of two sets of concepts.

    F1 is None where both are empty: there is nothing to find, and nothing was made up. Where one is empty it is 0.
    """
    shared = len(predicted & reference)
    precision = shared / len(predicted) if predicted else None
    recall = shared / len(reference) if reference else None
    if not predicted and not reference:
        return ConceptScore(None, None, None, NO_CONCEPTS)
    return ConceptScore(precision, recall, 2 * shared / (len(predicted) + len(reference)))


def concepts_missing() -> str | None:
    """Why UMLS F1 can't be computed here, as one line with the fix; None when it can."""
    chosen = os.environ.get(CONCEPTS_VARIABLE)
    if not chosen:
        return (
            f"not computed: set {CONCEPTS_VARIABLE} to a term table (TSV or CSV with the columns cui and term), "
            f"or to {SCISPACY} (CLUE's linker)"
        )
    if chosen == SCISPACY:
        from clueplus.metrics.scispacy_linker import scispacy_missing

        return scispacy_missing()
    if not Path(chosen).is_file():
        return f"not computed: {CONCEPTS_VARIABLE} names {chosen}, which is no file"
    return None


def concepts_identity() -> str | None:
    """What scores depend on: the extractor with its version or the sha256 of its table; None without one.

    Raises:
        ClueplusError: the term table can't be read.
    """
    return None if concepts_missing() else _extractor().identity


def umls_f1(prediction: str, reference: str, extractor: ConceptExtractor | None = None) -> float | None:
    """UMLS F1 of one pair, in [0, 1]; None where it can't be computed or neither text has a concept.

    Args:
        prediction: the generated text.
        reference: the text written by a human.
        extractor: what finds the concepts; by default what `CLUEPLUS_CONCEPTS` chooses.

    Raises:
        ClueplusError: the term table or the linker can't be loaded.
    """
    return umls_score(prediction, reference, extractor).f1


def umls_score(prediction: str, reference: str, extractor: ConceptExtractor | None = None) -> ConceptScore:
    """As `umls_f1`, with precision, recall and the reason.

    Raises:
        ClueplusError: the term table or the linker can't be loaded.
    """
    missing = None if extractor else concepts_missing()
    if missing:
        return ConceptScore(None, None, None, missing)
    return concept_score(*find_concepts([prediction, reference], extractor))


def find_concepts(texts: Sequence[str], extractor: ConceptExtractor | None = None) -> list[frozenset[str]]:
    """The concepts of each text. Texts seen before are remembered by their hash; the others are extracted together.

    To call this with all texts of a task before they are scored one by one lets the linker work in batches.

    Raises:
        ClueplusError: no extractor can be loaded.
    """
    chosen = extractor or _extractor()
    keys = [(chosen.identity, hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()) for text in texts]
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in _cache}
    _cache.update(zip(new, chosen.concepts(list(new.values())) if new else [], strict=True))
    return [_cache[key] for key in keys]


def prepare(predictions: Sequence[str], references: Sequence[str]) -> None:
    """Finds the concepts of many texts in batches, so that `umls_f1` answers from memory.

    Raises:
        ClueplusError: the term table or the linker can't be loaded.
    """
    if not concepts_missing():
        find_concepts([*predictions, *references])


def _extractor() -> ConceptExtractor:
    chosen = os.environ.get(CONCEPTS_VARIABLE, "")
    path = Path(chosen)
    changed = path.stat().st_mtime_ns if chosen != SCISPACY and path.is_file() else 0
    return _load(chosen, changed)


@lru_cache(maxsize=2)
def _load(chosen: str, changed: int) -> ConceptExtractor:  # a table that changed is another one
    if chosen == SCISPACY:
        from clueplus.metrics.scispacy_linker import ScispacyLinker

        return ScispacyLinker()
    from clueplus.metrics.term_table import TermTable

    return TermTable(Path(chosen))
