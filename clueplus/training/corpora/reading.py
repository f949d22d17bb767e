"""One source on its way into a corpus: its rows, and the account of what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from clueplus.errors import DataError
from clueplus.training.corpora.files import Bad
from clueplus.training.corpora.filters import CONTAMINATED, Filters
from clueplus.training.corpora.manifest import BadRow, SourceRecord
from clueplus.training.corpora.overlap import Where
from clueplus.training.corpora.readers import Origin, read_source
from clueplus.training.corpora.refused import test_data
from clueplus.training.corpora.rows import EQUAL, Row, read_row
from clueplus.training.corpora.size import Size
from clueplus.training.corpora.spec import Kind, Source
from clueplus.training.corpora.surroundings import Surroundings

_SHOWN_ROWS = 20
_EVERY = 1000
# A source of this many rows of which nearly all are test documents is a test set under another name.
_ENOUGH_ROWS, _NEARLY_ALL = 10, 0.9


class SourceReader:
    """Reads one source through the filters of its corpus.

    Args:
        kind: of the corpus.
        source: what is read.
        filters: of the corpus, shared by its sources.
        surroundings: where to read, and who hears of it.
    """

    def __init__(self, kind: Kind, source: Source, filters: Filters, surroundings: Surroundings) -> None:
        self._kind, self._source, self._filters, self._around = kind, source, filters, surroundings
        self._origin = Origin()
        self._dropped: Counter[str] = Counter()
        self._splits: Counter[Where] = Counter()
        self._bad: list[BadRow] = []
        self.read = self.kept = 0

    @property
    def name(self) -> str:
        """The source's name."""
        return self._source.name

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows that stay, as they are written.

        Raises:
            DataError: the source can't be read, is test data, or has no preference pair with a choice.
        """
        around = self._around
        for file, number, value in read_source(self._source, around, self._origin):
            self.read += 1
            if self.read % _EVERY == 0:
                around.progress(self._source.name, self.read)
            row = value.reason if isinstance(value, Bad) else read_row(self._kind, value, self._source)
            if isinstance(row, str):
                self._reject(BadRow(file=file, row=number, reason=row))
            elif self._stays(row):
                self.kept += 1
                yield {"id": f"{self._source.name}-{self.read}", "source": self._source.name, **row.columns}
        around.progress(self._source.name, self.read)
        self._refuse_test_set()
        self._refuse_no_choice()

    def record(self, size: Size) -> SourceRecord:
        """The account, once all rows were read and what stayed was measured."""
        return SourceRecord(
            name=self._source.name,
            licence=self._source.licence,
            homepage=self._source.homepage,
            tier=self._source.tier,
            files=self._origin.files,
            unhashed=self._origin.unhashed,
            ignored_files=self._origin.ignored,
            read=self.read,
            dropped=dict(self._dropped.most_common()),
            bad_rows=self._bad,
            kept=self.kept,
            characters=size.characters,
            tokens=size.tokens,
        )

    def _reject(self, bad: BadRow) -> None:
        self._dropped[bad.reason] += 1
        if len(self._bad) < _SHOWN_ROWS:
            self._bad.append(bad)

    def _stays(self, row: Row) -> bool:
        reason, hits = self._filters.reason(row)
        if reason:
            self._dropped[reason] += 1
            self._splits.update({hit.where for hit in hits})
        return reason is None

    def _refuse_test_set(self) -> None:
        if self.read >= _ENOUGH_ROWS and self._dropped[CONTAMINATED] >= _NEARLY_ALL * self.read:
            raise test_data(f"the source {self._source.name}", self._splits.most_common(1)[0][0])

    def _refuse_no_choice(self) -> None:
        if self.read and self._dropped[EQUAL] == self.read:
            raise DataError(
                f"{self._source.name}: chosen equals rejected in all {self.read} rows, so there is nothing to prefer",
                fix="look for the columns 'output' and 'rejected_output'",
            )
