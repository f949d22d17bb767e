"""`leaderboard build`: from a folder of records to a folder of pages, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from clueplus.errors import ClueplusError
from clueplus.gate.history import read_history
from clueplus.gate.verdict import Verdict
from clueplus.leaderboard.board import Row
from clueplus.leaderboard.downloads import downloads
from clueplus.leaderboard.index import index_page
from clueplus.leaderboard.pages import Extras, Pages
from clueplus.leaderboard.pairs import PairPages
from clueplus.leaderboard.prices import Prices, read_prices
from clueplus.leaderboard.render import Renderer
from clueplus.leaderboard.runs import Rejected, collect
from clueplus.leaderboard.site import Site, Table, make_site
from clueplus.leaderboard.viewer import sample_page, sample_page_path
from clueplus.records.published import read_published
from clueplus.records.samples import TaskSamples
from clueplus.registry import Catalog, content_folder

MARK = ".clueplus-site"


# From a run's folder and the names of its tasks to the texts that may be shown.
SampleReader = Callable[[Path, Sequence[str]], Iterable[TaskSamples]]


@dataclass(frozen=True)
class Options:
    """What is built from what, and where to.

    Args:
        results: the folder with run records.
        out: the site.
        catalog: the tasks.
        samples: reads the texts that may be shown; None: no sample viewer.
        history: the gate's verdicts, one a line.
        prices: what tokens cost.
    """

    results: Path
    out: Path
    catalog: Catalog
    samples: SampleReader | None = None
    history: Path | None = None
    prices: Path | None = None


class Built(NamedTuple):
    """What came of a build. `notes` say why a page that could be is not there."""

    pages: int
    runs: int
    rejected: list[Rejected]
    notes: list[str]


def build(options: Options) -> Built:
    """Builds the site.

    Raises:
        ClueplusError: there are no results, or `out` holds something else than a site.
    """
    check_out(options.out)
    prices = read_prices(options.prices) if options.prices else None
    verdicts = read_history(options.history) if options.history else []
    runs, rejected = collect(options.results)
    site = make_site(runs, options.catalog, read_published())
    notes: list[str] = []
    maker = _Maker(options, site, notes)
    pages = write_site(options.out, maker.files(len(rejected), verdicts, prices))
    return Built(pages, len(runs), rejected, notes)


class _Maker:
    """Makes every file of a site."""

    def __init__(self, options: Options, site: Site, notes: list[str]) -> None:
        self._options, self._site, self._notes = options, site, notes
        self._renderer = Renderer(content_folder("leaderboard"))
        self._built = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        self._samples: dict[str, list[tuple[str, str, str]]] = {}

    def files(self, left_out: int, verdicts: Sequence[Verdict], prices: Prices | None) -> Iterator[tuple[str, str]]:
        """Each file's path under the root, and its text; the pages that others link to come first."""
        site = self._site
        yield "index.html", index_page(self._renderer, site, left_out, self._built)
        for table in site.tables:
            yield from downloads(table)
            for row in table.board.rows:
                yield from self._sample_pages(table, row)
        pairs = PairPages(self._renderer, site, self._built)
        yield from pairs.files()
        yield from Pages(
            self._renderer, site, self._built, Extras(pairs.links(), self._samples, verdicts, prices)
        ).files()

    def _sample_pages(self, table: Table, row: Row) -> Iterator[tuple[str, str]]:
        wanted: dict[Path, list[str]] = {}
        for name, cell in row.cells.items():
            if cell.run and cell.record and cell.record.data.tier != "restricted":
                wanted.setdefault(cell.run.folder, []).append(name)
        for folder, names in wanted.items():
            for samples in self._read(folder, names):
                title = self._options.catalog.task(samples.task).metadata.title
                path = sample_page_path(row.slug, table.board.variant, samples.task)
                self._samples.setdefault(row.slug, []).append((title, table.board.variant, path))
                yield path, sample_page(self._renderer, row.name, row.slug, title, samples, self._built)

    def _read(self, folder: Path, names: Sequence[str]) -> Iterator[TaskSamples]:
        if self._options.samples is None:
            return
        try:
            yield from self._options.samples(folder, names)
        except ClueplusError as error:
            self._notes.append(f"{folder}: answers are not shown: {error.message}")


def check_out(out: Path) -> None:
    """Refuses to replace a folder that is not a site.

    Raises:
        ClueplusError: `out` is a file, or a folder with something else in it.
    """
    if out.exists() and not (out.is_dir() and ((out / MARK).is_file() or not any(out.iterdir()))):
        raise ClueplusError(f"--out {out}: it holds something else than a site", fix="give a new or empty folder")


def write_site(out: Path, files: Iterator[tuple[str, str]]) -> int:
    """Writes the files beside `out` and puts them in its place; returns how many pages there are.

    Raises:
        ClueplusError: the folder can't be written; the old site is as it was.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise ClueplusError(f"--out {out}: {error.strerror}", fix="give a folder that you may write to") from error
    try:
        fresh = work / "new"
        pages = _write_files(fresh, files)
        (fresh / MARK).write_text("Made by clueplus leaderboard build, which may replace this folder.\n")
        _swap(fresh, out, work / "old")
        return pages
    except OSError as error:
        raise ClueplusError(f"--out {out}: {error.strerror}", fix="give a folder that you may write to") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _swap(fresh: Path, out: Path, old: Path) -> None:
    """Puts the new folder in the old one's place; the old one comes back if that fails."""
    if out.exists():
        out.rename(old)
    try:
        fresh.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise


def _write_files(root: Path, files: Iterator[tuple[str, str]]) -> int:
    pages = 0
    for path, text in files:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        pages += path.endswith(".html")
    return pages
