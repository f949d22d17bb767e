"""What a corpus is built in: where tasks, data and files are, and who hears of the progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from clueplus.data import Library
from clueplus.registry import Catalog
from clueplus.training.corpora.benchmark import Benchmark, read_benchmark
from clueplus.training.corpora.refused import TestFiles
from clueplus.training.corpora.tokens import Count, token_counter


def _nobody(*_: object) -> None:
    """Hears nothing."""


@dataclass
class Surroundings:
    """What a corpus is built in. Several corpora share one: the test splits are read once.

    Attributes:
        catalog: the tasks whose test splits are kept out.
        library: where their data is.
        root: where relative paths of sources start.
        tokenizer: the folder of the tokenizer that counts; None for no counts.
        note: hears what is worth knowing, a line each.
        progress: hears of a source, or of what else is going on, and how many rows of it are done.
    """

    catalog: Catalog
    library: Library
    root: Path
    tokenizer: Path | None = None
    note: Callable[[str], None] = _nobody
    progress: Callable[[str, int], None] = _nobody
    _benchmarks: dict[int, Benchmark] = field(default_factory=dict, repr=False)
    _test_files: TestFiles | None = field(default=None, repr=False)
    _count: Count | None = field(default=None, repr=False)

    def benchmark(self, n: int) -> Benchmark:
        """The registered test splits, indexed by runs of `n` words. What is not here to compare with is noted once."""
        if n not in self._benchmarks:
            self._benchmarks[n] = read_benchmark(self.catalog, self.library, n)
            unchecked = [split for split in self._benchmarks[n].splits if split.unchecked]
            if unchecked:
                names = ", ".join(f"{split.task} ({split.variant})" for split in unchecked)
                self.note(f"no row is compared with {len(unchecked)} test splits that can't be read here: {names}")
        return self._benchmarks[n]

    @property
    def test_files(self) -> TestFiles:
        """The files that test splits are made from."""
        if self._test_files is None:
            self._test_files = TestFiles(self.catalog, self.library)
        return self._test_files

    @property
    def count(self) -> Count | None:
        """What counts tokens; None without a tokenizer.

        Raises:
            ClueplusError: the tokenizer can't be read.
        """
        if self._count is None and self.tokenizer is not None:
            self._count = token_counter(self.tokenizer)
        return self._count
