"""One verdict, many writers: each shows what the verdict says and decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from clueplus.errors import ClueplusError
from clueplus.files import write_atomic
from clueplus.gate.verdict import Verdict
from clueplus.gate.writers.html import to_html
from clueplus.gate.writers.json import to_json
from clueplus.gate.writers.junit import to_junit
from clueplus.gate.writers.markdown import to_markdown

Writer = Callable[[Verdict], str]

_BY_SUFFIX: dict[str, Writer] = {".json": to_json, ".md": to_markdown, ".xml": to_junit, ".html": to_html}


def writer_of(path: Path) -> Writer:
    """The writer for a file's name.

    Raises:
        ClueplusError: no writer has that ending.
    """
    if path.suffix not in _BY_SUFFIX:
        raise ClueplusError(f"--report {path}: no format is known by this ending", fix=f"use {', '.join(_BY_SUFFIX)}")
    return _BY_SUFFIX[path.suffix]


def write_reports(verdict: Verdict, paths: Iterable[Path]) -> None:
    """Writes the verdict to each file, in the format of its ending.

    Raises:
        ClueplusError: an unknown ending.
        StoreError: a file can't be written.
    """
    for path in paths:
        write_atomic(path, writer_of(path)(verdict))
