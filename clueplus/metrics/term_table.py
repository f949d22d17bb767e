"""Concepts of a text by looking terms up in a table that the user supplies, such as an extract of the UMLS."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from clueplus.errors import ClueplusError
from clueplus.metrics.phrases import PhraseTable

# What ends a term in running text. Not a line's end: notes are wrapped. Not a full stop or a comma: terms have them.
_TOKEN = re.compile(r"[^\W_]+|[;:!?]")


class TermTable:
    """Terms of a table with the columns `cui` and `term`, found in a text by longest match of whole words.

    Case, accents' encoding, hyphens and other punctuation do not count ("Type-2 diabetes" is "type 2 diabetes"). Words
    are not inflected: a table has the variants it wants. A term with several concepts has the first in the file.
    """

    def __init__(self, path: Path) -> None:
        """Reads the table: tab-separated if its first line has a tab, else comma-separated.

        Raises:
            ClueplusError: the file can't be read, is not UTF-8, lacks a column or has no term; the line is named.
        """
        try:
            content = path.read_bytes()
            text = content.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ClueplusError(f"the term table {path} can't be read as UTF-8 ({type(error).__name__})") from error
        self._path = path
        self._phrases = PhraseTable((term_tokens(term), cui) for cui, term in self._rows(text))
        if not len(self._phrases):
            raise ClueplusError(f"the term table {path} has no term")
        self.identity = f"{path.name}, {len(self._phrases)} terms, sha256 {hashlib.sha256(content).hexdigest()}"

    def concepts(self, texts: Sequence[str]) -> list[frozenset[str]]:
        """The concepts of each text, as the table's `cui` values."""
        return [frozenset(found.value for found in self._phrases.find(term_tokens(text))) for text in texts]

    def _rows(self, text: str) -> Iterator[tuple[str, str]]:
        tab = "\t" in text.partition("\n")[0]
        # UMLS terms hold lone quotation marks; in a tab-separated file they are characters like any other.
        stream = io.StringIO(text, newline="")
        lines = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE) if tab else csv.reader(stream)
        try:
            header = [name.strip().lower() for name in next(lines, [])]
            if not {"cui", "term"} <= set(header):
                raise ClueplusError(
                    f"the term table {self._path} lacks the columns cui and term",
                    fix="make its first line cui<TAB>term or cui,term",
                )
            cui, term = header.index("cui"), header.index("term")
            for line in lines:
                if not line:
                    continue
                if len(line) <= max(cui, term) or not line[cui].strip():
                    raise ClueplusError(f"the term table {self._path}, line {lines.line_num}: no cui and term")
                yield line[cui].strip(), line[term]
        except csv.Error as error:
            raise ClueplusError(f"the term table {self._path}, line {lines.line_num}: {error}") from error


def term_tokens(text: str) -> list[str]:
    """The words of a text as they are compared: Unicode compatibility form, case folded."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())
