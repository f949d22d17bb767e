"""The records of a source, whatever it is: files, a Hugging Face data set, or what is derived from open data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from clueplus.data.importing import file_hash
from clueplus.errors import ClueplusError, DataError
from clueplus.training.corpora.derived import derive
from clueplus.training.corpora.files import find_files, read_file
from clueplus.training.corpora.spec import Source
from clueplus.training.corpora.surroundings import Surroundings


class Record(NamedTuple):
    """A record with the file that it is from and its number there, from 1."""

    file: str
    number: int
    value: Any


@dataclass
class Origin:
    """What a source was read from: sha256 by file, or why there is none; known when the last record was read."""

    files: dict[str, str] = field(default_factory=dict)
    unhashed: str | None = None
    ignored: int = 0


def read_source(source: Source, around: Surroundings, origin: Origin) -> Iterator[Record]:
    """The records of a source in order, `limit` of them at most; `origin` is filled on the way.

    Args:
        source: of a corpus.
        around: where to read.
        origin: is told what was read.

    Raises:
        DataError: it can't be found or read.
    """
    if source.path is not None:
        records = _from_files(source.path, source, around, origin)
    elif source.derived is not None:
        records = _derived(source, around, origin)
    else:
        records = _data_set(source, around, origin)
    for number, record in enumerate(records, start=1):
        yield record
        if number == source.limit:
            break


def _from_files(pattern: str, source: Source, around: Surroundings, origin: Origin) -> Iterator[Record]:
    found = find_files(pattern, around.root)
    origin.ignored = found.ignored
    for path in found.files:
        name, digest = _name(path, found.files), file_hash(path)
        around.test_files.refuse(path, digest)
        origin.files[name] = digest
        for number, value in read_file(path, source.encoding):
            yield Record(name, number, value)


def _name(path: Path, files: list[Path]) -> str:
    """The file's name below what the files have in common: no folder of this machine."""
    common = files[0].parent
    while not all(common in each.parents for each in files):
        common = common.parent
    return path.relative_to(common).as_posix()


def _derived(source: Source, around: Surroundings, origin: Origin) -> Iterator[Record]:
    assert source.derived is not None
    files, documents = derive(source.derived, around.catalog, around.library)
    origin.files.update(files)
    for number, value in enumerate(documents, start=1):
        yield Record(source.derived, number, value)


def _data_set(source: Source, around: Surroundings, origin: Origin) -> Iterator[Record]:
    """A data set saved by `save_to_disk`, a folder of data files, or one on the hub."""
    assert source.dataset is not None
    folder = around.root / source.dataset
    if folder.is_dir():
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            digest = file_hash(path)
            around.test_files.refuse(path, digest)
            origin.files[path.relative_to(folder).as_posix()] = digest
    else:
        origin.unhashed = f"read from the hub at revision {source.revision or 'of the day'}"
    for number, value in enumerate(_rows(source, folder), start=1):
        yield Record(source.dataset if origin.unhashed else folder.name, number, value)


def _rows(source: Source, folder: Path) -> Iterator[Any]:
    try:
        import datasets  # type: ignore[import-untyped]
    except ImportError as error:
        raise ClueplusError("datasets is not installed", fix="pip install 'clueplus[train]'") from error
    try:
        yield from _open(datasets, source, folder)
    except ClueplusError:
        raise
    # The library has no common error: a missing split is a ValueError, a missing hub a ConnectionError or its own.
    except Exception as error:
        what = f"the data set {source.dataset} ({source.split}) can't be read ({type(error).__name__})"
        raise DataError(what, fix="check 'dataset', 'split' and 'revision', and that the hub can be reached") from error


def _open(datasets: Any, source: Source, folder: Path) -> Any:
    if not folder.is_dir():
        return datasets.load_dataset(source.dataset, split=source.split, revision=source.revision, streaming=True)
    if (folder / "dataset_dict.json").is_file():
        return _split(datasets.load_from_disk(str(folder)), source)
    if (folder / "state.json").is_file():
        return datasets.load_from_disk(str(folder))
    return datasets.load_dataset(str(folder), split=source.split, streaming=True)


def _split(splits: Any, source: Source) -> Any:
    if source.split not in splits:
        raise DataError(
            f"the data set {source.dataset} has no split '{source.split}'", fix=f"split: one of {', '.join(splits)}"
        )
    return splits[source.split]
