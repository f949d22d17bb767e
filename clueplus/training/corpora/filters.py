"""Which rows stay: one pass, one row at a time, with a reason for each that goes."""

from __future__ import annotations

from clueplus.training.corpora.duplicates import NearDuplicateFilter
from clueplus.training.corpora.manifest import Overlap, Rule
from clueplus.training.corpora.overlap import Hit, Index, RowWords, Where
from clueplus.training.corpora.rows import Row
from clueplus.training.corpora.spec import CorpusSpec

NO_WORDS = "no words"
DUPLICATE = "duplicate"
NEAR_DUPLICATE = "near-duplicate"
CONTAMINATED = "overlap with a test split"


class Filters:
    """What all sources of a corpus pass, in order: it remembers hashes of the rows that stayed.

    Args:
        spec: of the corpus.
        index: of the test splits.
    """

    def __init__(self, spec: CorpusSpec, index: Index) -> None:
        self._index = index
        self._share = spec.decontaminate.share
        self._seen: set[int] = set()
        self._near = spec.near_duplicates
        self._alike = NearDuplicateFilter(spec.near_duplicates, spec.seed) if spec.near_duplicates else None
        self._rows: dict[tuple[Where, Rule], int] = {}
        self._runs: dict[tuple[Where, Rule], set[int]] = {}

    def reason(self, row: Row) -> tuple[str | None, list[Hit]]:
        """Why a row goes, None when it stays; with the test splits that it shares text with."""
        found = RowWords(row.texts)
        if not any(found.words):
            return NO_WORDS, []
        if found.whole in self._seen:
            return DUPLICATE, []
        hits = self._index.hits(found, self._share)
        if hits:
            self._count(hits)
            return CONTAMINATED, hits
        if not self._is_new(row, found):
            return NEAR_DUPLICATE, []
        self._seen.add(found.whole)
        return None, []

    def shares(self, text: str) -> bool:
        """Whether a text shares something with a test split; it is not counted."""
        return bool(self._index.hits(RowWords([text]), self._share))

    def overlaps(self) -> list[Overlap]:
        """What was dropped for its overlap, by test split and rule."""
        return [
            Overlap(task=where.task, variant=where.variant, rule=rule, rows=rows, runs=len(self._runs[where, rule]))
            for (where, rule), rows in sorted(self._rows.items())
        ]

    def _count(self, hits: list[Hit]) -> None:
        for hit in hits:
            key = (hit.where, hit.rule)
            self._rows[key] = self._rows.get(key, 0) + 1
            self._runs.setdefault(key, set()).update(hit.runs)

    def _is_new(self, row: Row, found: RowWords) -> bool:
        if self._alike is None or self._near is None or row.likeness is None:
            return True
        words = found if row.texts == (row.likeness,) else RowWords([row.likeness])
        return self._alike.is_new(words.runs(self._near.ngram))
