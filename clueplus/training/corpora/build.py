"""From sources to a corpus: read, freed of what is there twice and of the benchmark, counted, written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import clueplus
from clueplus.data.importing import file_hash
from clueplus.errors import ClueplusError, StoreError, withhold_messages
from clueplus.files import make_private, write_atomic
from clueplus.models.data_use import check_destinations
from clueplus.training.corpora.filters import Filters
from clueplus.training.corpora.manifest import NAME, Manifest, summed
from clueplus.training.corpora.reading import SourceReader
from clueplus.training.corpora.size import Size, measure
from clueplus.training.corpora.spec import CorpusSpec
from clueplus.training.corpora.surroundings import Surroundings
from clueplus.training.corpora.task_data import add_task_data, check_endpoint

DOCUMENTS, ROWS = "documents.jsonl", "rows.jsonl"
NO_TOKENIZER = "no tokenizer was given"


def build_corpus(spec: CorpusSpec, out: Path, surroundings: Surroundings) -> Manifest:
    """Builds a corpus: `documents.jsonl` or `rows.jsonl`, and `manifest.json`, in a folder that appears whole.

    Rows stand in the order of the sources. Of two equal or nearly equal rows the first stays; a row that shares text
    with a registered test split goes. Memory grows with hashes of what is kept and not with its text.

    Args:
        spec: sources and filters.
        out: the folder; it must not exist, or be empty.
        surroundings: tasks, data, files, tokenizer; hears notes and progress.

    Returns:
        What it was made of and what was dropped, and why.

    Raises:
        ClueplusError: a source can't be read or is test data, nothing is left, all preference pairs are no choice, a
            restricted source would go to another machine, or the folder can't be written. Nothing is left at `out`.
    """
    restricted = [source.name for source in spec.sources if source.tier == "restricted"]
    if spec.task_data:
        check_destinations([spec.task_data.base_url], restricted, None)
    if restricted:
        withhold_messages(f"{restricted[0]} is restricted")
    with _whole_folder(out, private=bool(restricted)) as folder:
        manifest = _build(spec, folder, surroundings, private=bool(restricted))
        write_atomic(folder / NAME, manifest.model_dump_json(indent=2) + "\n", private=bool(restricted))
    return manifest


def _build(spec: CorpusSpec, folder: Path, surroundings: Surroundings, *, private: bool) -> Manifest:
    count = surroundings.count
    if spec.task_data:
        check_endpoint(spec.task_data)
    filters = Filters(spec, surroundings.benchmark(spec.decontaminate.ngram).index)
    readers = [SourceReader(spec.kind, source, filters, surroundings) for source in spec.sources]
    path = folder / (DOCUMENTS if spec.kind == "documents" else ROWS)
    _write(readers, path, private=private)
    asking = None
    if spec.task_data and any(reader.kept for reader in readers):
        asking = add_task_data(spec, path, filters, surroundings)
    sizes = measure(path, count)
    sources = [reader.record(sizes.get(reader.name, Size())) for reader in readers]
    counted = [size.tokens for size in sizes.values() if size.tokens is not None]
    manifest = Manifest(
        clueplus=clueplus.__version__,
        kind=spec.kind,
        spec=spec,
        file=path.name,
        sha256=file_hash(path),
        rows=sum(source.kept for source in sources),
        with_task_data=sum(size.with_task_data for size in sizes.values()),
        characters=sum(size.characters for size in sizes.values()),
        tokens=sum(counted) if count else None,
        tokens_unknown=None if count else NO_TOKENIZER,
        sources=sources,
        dropped=summed([source.dropped for source in sources]),
        overlaps=filters.overlaps(),
        test_splits=surroundings.benchmark(spec.decontaminate.ngram).splits,
        task_data=asking,
    )
    manifest.refuse_empty()
    return manifest


def _write(readers: list[SourceReader], path: Path, *, private: bool) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        if private:
            path.chmod(0o600)
        for reader in readers:
            for row in reader.rows():
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


@contextmanager
def _whole_folder(out: Path, *, private: bool) -> Iterator[Path]:
    """A folder beside `out` that takes its name at the end, and goes when something fails."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ClueplusError(f"{out} is there already", fix="remove it, or name another folder")
    part = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)  # of a build that was killed
        part.mkdir(parents=True)
        if private:
            make_private(part)
        yield part
        part.replace(out)
    except OSError as error:
        raise StoreError(
            f"can't write {out}: {error.strerror or error}",
            fix="choose a folder that you may write to, with free space",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
