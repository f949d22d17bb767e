"""Files that are test data: refused as training data, whatever they are called."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from clueplus.data import Library, load_splits
from clueplus.data.imported import documents_path, is_imported, read_manifest
from clueplus.data.importing import file_hash
from clueplus.errors import ClueplusError, DataError
from clueplus.registry import Catalog, TaskSpec, VariantName
from clueplus.training.corpora.overlap import Where
from clueplus.training.corpora.words import words

# Of the longest lines of the test documents' inputs, a file that these are made from has more: even one of several
# such files does, while a training file of the same data set has none.
_SHARE = 0.05


class TestFiles:
    """The files that the registered test splits are, or are made from, by hash.

    Args:
        catalog: the tasks.
        library: where their data is.
    """

    __test__ = False  # no test class, whatever pytest thinks of the name

    def __init__(self, catalog: Catalog, library: Library) -> None:
        self._library = library
        self._known: dict[str, list[tuple[TaskSpec, VariantName, bool]]] = {}
        for spec in catalog.tasks.values():
            for variant in spec.metadata.variants:
                for digest, is_split in _known(spec, variant, library):
                    self._known.setdefault(digest, []).append((spec, variant, is_split))

    def refuse(self, path: Path, digest: str) -> None:
        """Refuses a file that is test data, by its sha256 `digest` or that of what it packs.

        A registered file may hold training data alone (ACI-Bench's train.csv is registered for its few-shot examples),
        so its content decides; what can't be read to find out is refused.

        Raises:
            DataError: it is test data.
        """
        for known in (digest, _unpacked(path)):
            for spec, variant, is_split in self._known.get(known or "", ()):
                if is_split or _holds(path, spec, variant, self._library):
                    raise test_data(path.name, Where(spec.name, variant))


def test_data(name: str, where: Where) -> DataError:
    """The error that a file or source is the test data of a task."""
    return DataError(
        f"{name} is test data of {where.task} ({where.variant}): a model trained on it can't be evaluated",
        fix="leave it out of the corpus",
    )


def _known(spec: TaskSpec, variant: VariantName, library: Library) -> Iterator[tuple[str, bool]]:
    """The sha256 of each file that a variant's documents come from; with True where the file is these documents."""
    declared = spec.metadata.variants[variant]
    yield from ((source.sha256, False) for source in declared.sources)
    if variant == "sample":
        yield file_hash(spec.folder / "sample.jsonl"), True
    if declared.imported and is_imported(library.folder, spec.name, variant):
        yield file_hash(documents_path(library.folder, spec.name, variant)), True
        with suppress(ClueplusError):  # a broken import is told as an unchecked split
            manifest = read_manifest(library.folder, spec.name, variant)
            yield from ((digest, False) for digest in manifest.sources.values())


def _holds(path: Path, spec: TaskSpec, variant: VariantName, library: Library) -> bool:
    """Whether a file has the longest lines of the test documents, or can't be read to find out."""
    content = _content(path)
    if content is None:
        return True
    try:
        documents = load_splits(spec, variant, library).test
    except ClueplusError:
        return True
    lines = (_longest_line(document[spec.metadata.input]) for document in documents)
    found = (line for line in lines if f" {' '.join(words(line))} " in content)
    enough = int(_SHARE * len(documents)) + 1
    return len(list(islice(found, enough))) == enough


def _longest_line(value: str | list[str]) -> str:
    """A document is made of a file's fields in many ways; the longest line of its input is in the file as it is."""
    texts = [value] if isinstance(value, str) else value
    return max((line for text in texts for line in text.splitlines()), key=len, default="")


def _content(path: Path) -> str | None:
    """The words of a text file, unpacked where it is packed; None where it is no text."""
    try:
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gzip.decompress(raw)
        if zipfile.is_zipfile(path):  # an Excel workbook too
            with zipfile.ZipFile(path) as archive:
                raw = b"\n".join(archive.read(name) for name in archive.namelist() if not name.endswith("/"))
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError):
        return None
    return None if b"\0" in raw else f" {' '.join(words(raw.decode('utf-8', 'replace')))} "


def _unpacked(path: Path) -> str | None:
    """The sha256 of what a gzip file holds."""
    if path.suffix != ".gz":
        return None
    digest = hashlib.sha256()
    try:
        with gzip.open(path) as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except (OSError, EOFError, zlib.error):
        return None
    return digest.hexdigest()
