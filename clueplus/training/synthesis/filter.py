"""`synth filter`: a view of judged rows: the best of every stratum, each only once, none of the benchmark's."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from pydantic import Field

from clueplus.errors import DataError
from clueplus.files import sha256, whole_file, write_atomic
from clueplus.training.corpora.benchmark import Benchmark
from clueplus.training.corpora.duplicates import NearDuplicateFilter
from clueplus.training.corpora.files import Bad
from clueplus.training.corpora.overlap import RowWords
from clueplus.training.corpora.spec import Decontamination, NearDuplicates
from clueplus.training.corpora.words import whole_hash, words
from clueplus.training.spec import Strict
from clueplus.training.synthesis.reading import TrainingRow, read_rows, refuse_columns, refuse_scores, stratum

RANK = "quality"
Progress = Callable[[int, int], None]


class View(Strict):
    """Which rows are wanted: of at least `minimum` in these columns, at most `top`, the best by `quality` first.

    With `stratify`, as many of every combination of these columns, as long as it has any.
    """

    top: int | None = None
    stratify: tuple[str, ...] = ()
    minimum: dict[str, float] = Field(default={})
    near_duplicates: NearDuplicates = NearDuplicates()
    decontaminate: Decontamination = Decontamination()
    seed: int = 1234


@dataclass(frozen=True)
class _Candidate:
    offset: int
    score: float
    tie: str


def filter_rows(path: Path, out: Path, view: View, benchmark: Benchmark, progress: Progress) -> dict[str, Any]:
    """Writes the rows of a view to `out`, best first, and a report beside it; returns the report.

    Texts wait on disk; memory grows with some 300 bytes a row, and 6.5 kB of signatures for what is kept.

    Args:
        path: of `synth run`, or a published file or folder.
        out: the JSONL file.
        view: which rows.
        benchmark: what the rows must not share text with.
        progress: told of rows read and rows kept.

    Raises:
        ClueplusError: a column is unknown, `path` can't be read, nothing is left, or `out` can't be written.
    """
    dropped: Counter[str] = Counter()
    with TemporaryFile(dir=out.parent if out.parent.is_dir() else None) as spool:
        read, strata = _ranked(path, view, spool, dropped, progress)
        novelty = _Novelty(view, benchmark, dropped)
        kept: Counter[str] = Counter()
        with whole_file(out) as file:
            for name, row in _best(strata, view.top, spool, novelty):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                kept[name] += 1
                if kept.total() % 1000 == 0:
                    progress(read, kept.total())
            if not kept:
                raise DataError(
                    f"nothing is left of {read} rows: {_words(dropped)}", fix="lower --min, or look at the rows"
                )
    report = {
        "read": read,
        "kept": kept.total(),
        "dropped": dict(dropped.most_common()),
        "left": read - kept.total() - dropped.total(),
        "strata": dict(sorted(kept.items())) if view.stratify else {},
        "view": view.model_dump(mode="json"),
        "test_splits": [split.model_dump(mode="json") for split in benchmark.splits],
    }
    write_atomic(report_path(out), json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return report


def report_path(out: Path) -> Path:
    """Where the report of a file of rows lies."""
    return out.with_name(out.stem + ".report.json")


def _words(dropped: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in dropped.most_common()) or "there was none"


def _ranked(
    path: Path, view: View, spool: IO[bytes], dropped: Counter[str], progress: Progress
) -> tuple[int, dict[str, deque[_Candidate]]]:
    """How many rows there are, and the wanted ones by stratum, the best first; their texts are in `spool`."""
    strata: dict[str, list[_Candidate]] = {}
    read = 0
    refuse_scores(path, tuple(view.minimum))
    for read, row in enumerate(read_rows(path), start=1):
        if read % 1000 == 0:
            progress(read, 0)
        if isinstance(row, Bad):
            dropped[row.reason] += 1
            continue
        if not strata:
            refuse_columns(row, view.stratify)
        reason = _below(row, view)
        if reason:
            dropped[reason] += 1
            continue
        # Rows without a score rank last; equal scores by what they say, so that the order of files has no part in it.
        line = json.dumps(row).encode() + b"\n"
        score = float(row.get(RANK, float("-inf")))
        tie = sha256(f"{view.seed}\0{row['instruction']}\0{row['input']}\0{row['output']}")[:16]
        name = " / ".join(stratum(row, view.stratify))
        strata.setdefault(name, []).append(_Candidate(spool.tell(), score, tie))
        spool.write(line)
    ordered = {
        name: deque(sorted(each, key=lambda one: (-one.score, one.tie))) for name, each in sorted(strata.items())
    }
    return read, ordered


def _below(row: TrainingRow, view: View) -> str | None:
    for name, least in view.minimum.items():
        value = row.get(name)
        if not isinstance(value, int | float):
            return f"no {name}"
        if value < least:
            return f"{name} below {least:g}"
    return None


def _best(
    strata: dict[str, deque[_Candidate]], top: int | None, spool: IO[bytes], novelty: _Novelty
) -> Iterator[tuple[str, TrainingRow]]:
    """The best row of every stratum, then the next one of each, until there are `top` or no more."""
    given = 0
    while strata:
        for name in [*strata]:
            if given == top:
                return
            row = _next(strata[name], spool, novelty)
            if row is None:
                del strata[name]
            else:
                given += 1
                yield name, row


def _next(candidates: deque[_Candidate], spool: IO[bytes], novelty: _Novelty) -> TrainingRow | None:
    while candidates:
        spool.seek(candidates.popleft().offset)
        row: TrainingRow = json.loads(spool.readline())
        if novelty.accepts(row):
            return row
    return None


class _Novelty:
    """Whether a row adds something: no near-duplicate of what was accepted, nothing of a test split.

    An instruction is compared with the instructions of other rows, an input with other inputs: pairs of one row share
    their instruction and stay.
    """

    def __init__(self, view: View, benchmark: Benchmark, dropped: Counter[str]) -> None:
        self._ngram = view.near_duplicates.ngram
        self._share = view.decontaminate.share
        self._benchmark, self._dropped = benchmark, dropped
        self._instructions: dict[int, bool] = {}
        self._instruction_filter = NearDuplicateFilter(view.near_duplicates, view.seed)
        self._inputs: set[int] = set()
        self._input_filter = NearDuplicateFilter(view.near_duplicates, view.seed)

    def accepts(self, row: TrainingRow) -> bool:
        """Whether a row is new; if not, its reason is counted."""
        reason = self._reason(row["instruction"], row["input"], row["output"])
        if reason:
            self._dropped[reason] += 1
        return reason is None

    def _reason(self, instruction: str, asked: str, output: str) -> str | None:
        if self._benchmark.index.hits(RowWords([instruction, asked, output]), self._share):
            return "overlap with a test split"
        if not self._is_new_instruction(instruction):
            return "near-duplicate instruction"
        if not asked:
            asked = instruction
        whole = whole_hash(words(asked))
        if whole in self._inputs:
            return "duplicate input"
        if not self._input_filter.is_new(RowWords([asked]).runs(self._ngram)):
            return "near-duplicate input"
        self._inputs.add(whole)
        return None

    def _is_new_instruction(self, instruction: str) -> bool:
        whole = whole_hash(words(instruction))
        if whole not in self._instructions:
            self._instructions[whole] = self._instruction_filter.is_new(RowWords([instruction]).runs(self._ngram))
        return self._instructions[whole]
