"""Documents that are made of registered open data: code pages, and the notes of training sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clueplus.data import Library, read_csv
from clueplus.errors import DataError
from clueplus.registry import Catalog, SourceFile
from clueplus.training.corpora.code_pages import code_pages
from clueplus.training.corpora.spec import Derived

_ACI_BENCH = "aci_bench/train.csv"
# No task is made of MTS-Dialog, so that no task pins it. The files of its validation and test sets are never read.
_MTS_DIALOG = SourceFile(
    file="mts_dialog/MTS-Dialog-TrainingSet.csv",
    url="https://raw.githubusercontent.com/abachaa/MTS-Dialog/3ff0801933608d6f570468c13125125fb5cabdea/Main-Dataset/MTS-Dialog-TrainingSet.csv",
    commit="3ff0801933608d6f570468c13125125fb5cabdea",
    sha256="65a28681dd59fc159681ea026e44610f2af7bc64a0e7f892d763eb03d9f503dc",
    licence="CC-BY-4.0",
    tier="open",
)

Files = Mapping[str, bytes]


def derive(name: Derived, catalog: Catalog, library: Library) -> tuple[dict[str, str], Iterator[dict[str, Any]]]:
    """The sha256 of each file that is read, and the documents.

    Args:
        name: "icd10cm" (code pages of the 2021 tables), "aci_bench" or "mts_dialog" (notes of their training sets).
        catalog: tasks that pin the files.
        library: where these are.

    Raises:
        DataError: a file is absent or changed.
    """
    pinned = {"icd10cm": _of_task, "aci_bench": _of_task, "mts_dialog": lambda *_: [_MTS_DIALOG]}[name](name, catalog)
    read = {"icd10cm": _code_pages, "aci_bench": _visit_notes, "mts_dialog": _note_sections}[name]
    return {file.file: file.sha256 for file in pinned}, read({file.file: _content(file, library) for file in pinned})


def _of_task(name: str, catalog: Catalog) -> list[SourceFile]:
    sources = catalog.task(name).metadata.variants["official"].sources
    return [source for source in sources if name == "icd10cm" or source.file == _ACI_BENCH]


def _content(file: SourceFile, library: Library) -> bytes:
    if library.place(file) is None:
        raise DataError(
            f"no data: {file.file} is neither in {library.folder} nor in a mirror",
            fix=f"download {file.url} as {library.folder / file.file}, or name a mirror (CLUEPLUS_DATA_MIRROR)",
        )
    return library.read(file)


def _code_pages(files: Files) -> Iterator[dict[str, Any]]:
    order, tabular = files.values()
    return ({"text": page} for page in code_pages(order, tabular))


def _visit_notes(files: Files) -> Iterator[dict[str, Any]]:
    return ({"text": _clean(row["note"])} for row in read_csv(files, _ACI_BENCH, ["note"]))


def _note_sections(files: Files) -> Iterator[dict[str, Any]]:
    """A section a document, under its header: GENHX, ASSESSMENT..."""
    rows = read_csv(files, _MTS_DIALOG.file, ["section_header", "section_text"])
    return ({"text": f"{row['section_header'].strip()}\n{_clean(row['section_text'])}"} for row in rows)


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
