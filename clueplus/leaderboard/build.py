"""`leaderboard build`: from a folder of records to a folder of pages, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from clueplus.errors import ClueplusError
from clueplus.leaderboard.downloads import downloads
from clueplus.leaderboard.index import index_page
from clueplus.leaderboard.pages import Pages
from clueplus.leaderboard.render import Renderer
from clueplus.leaderboard.runs import Rejected, StoredRun, collect
from clueplus.leaderboard.site import Site, make_site
from clueplus.records.published import read_published
from clueplus.registry import Catalog, content_folder

MARK = ".clueplus-site"


@dataclass(frozen=True)
class Options:
    """What is built from what, and where to."""

    results: Path
    out: Path
    catalog: Catalog


class Built(NamedTuple):
    """What came of a build."""

    pages: int
    runs: int
    rejected: list[Rejected]


def build(options: Options) -> Built:
    """Builds the site.

    Raises:
        ClueplusError: there are no results, or `out` holds something else than a site.
    """
    check_out(options.out)
    runs, rejected = collect(options.results)
    site = make_site(runs, options.catalog, read_published())
    pages = write_site(options.out, site_files(site, runs, rejected))
    return Built(pages, len(runs), rejected)


def site_files(site: Site, runs: list[StoredRun], rejected: list[Rejected]) -> Iterator[tuple[str, str]]:
    """Every file of the site: its path under the root, and its text."""
    renderer = Renderer(content_folder("leaderboard"))
    built = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    yield "index.html", index_page(renderer, site, len(rejected), built)
    for table in site.tables:
        yield from downloads(table)
    yield from Pages(renderer, site, built).files()


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
        if out.exists():
            out.rename(work / "old")
        fresh.rename(out)
        return pages
    except OSError as error:
        raise ClueplusError(f"--out {out}: {error.strerror}", fix="give a folder that you may write to") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_files(root: Path, files: Iterator[tuple[str, str]]) -> int:
    pages = 0
    for path, text in files:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        pages += path.endswith(".html")
    return pages
