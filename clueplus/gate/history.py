"""Verdicts over time: an append-only file, one verdict a line, and the slow drift that no single step shows."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from clueplus.errors import ClueplusError, StoreError, did_you_mean
from clueplus.gate.verdict import Difference, Side, Verdict, parse_verdict

# A loss below this many standard errors is no news: 1.645 is the one-sided 5% point of the normal distribution.
_SURE = 1.6449


class Drift(BaseModel):
    """What became of one task between the anchor and the newest candidate. Numbers are fractions of 1.

    Attributes:
        total: the newest candidate's score less the anchor's; None with the reason in `text`.
        worst_step: the largest loss of a single step.
        margin: what one step may lose, by the newest verdict.
        standing: "drifted" when two steps or more together lost no less than the margin of one, and more than chance
            explains; "watch" when chance may explain it; "steady" otherwise; "unknown" where scores can't be compared
            along the way.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    standing: Literal["drifted", "watch", "steady", "unknown"]
    anchor: float | None = None
    newest: float | None = None
    total: float | None = None
    standard_error: float | None = None
    worst_step: float | None = None
    margin: float
    steps: int
    text: str


class _Link(NamedTuple):
    """One step on one task."""

    verdict: Verdict
    found: Difference


def append_verdict(path: Path, verdict: Verdict) -> None:
    """Adds one line at the end; what stands in the file is never changed.

    Raises:
        StoreError: the file can't be written, or ends in half a line.
    """
    line = verdict.model_dump_json().encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    raise StoreError(f"{path}: its last line is cut off", fix="remove the cut line, then append again")
            file.write(line)
            file.flush()
            with contextlib.suppress(OSError):  # a pipe can't be synced
                os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"can't write {path}: {error.strerror}", fix="give a file that you may write") from error


def read_history(path: Path) -> list[Verdict]:
    """The verdicts of a file, oldest first.

    Raises:
        StoreError: there is no such file, or a line is no verdict; it is named.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}", fix="clueplus gate --history FILE makes it") from error
    return [parse_verdict(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]


def find_drift(verdicts: Sequence[Verdict], anchor: str | None = None) -> list[Drift]:
    """Per task, the newest candidate against the anchor release, which is where its chain begins when none is named.

    The chain leads back from the newest verdict: each step's baseline is the candidate of the step before. Verdicts on
    candidates that were never built upon are no part of it. Scores are compared only where every step asked the same
    (`Difference.work`). The error of the total is that of independent steps, which is too large rather than too small
    when steps share a run.

    Raises:
        ClueplusError: the chain does not lead back to the anchor.
    """
    steps = _chain([verdict for verdict in verdicts if verdict.status != "NOT COMPARABLE"])
    if anchor is not None:
        start = next((n for n, step in enumerate(steps) if anchor in names(step.baseline)), None)
        if start is None:
            known = {name for step in steps for name in names(step.baseline)}
            raise ClueplusError(
                f"--anchor {anchor}: no chain of verdicts leads from it to the newest one",
                fix=did_you_mean(anchor, known),
            )
        steps = steps[start:]
    return [_drift(found, steps) for found in steps[-1].tasks] if steps else []


def names(side: Side) -> set[str]:
    """What one may call a side: its source, its run, its model."""
    return {name for name in (side.source, side.run, side.model) if name}


def _chain(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The steps that lead to the newest verdict, oldest first."""
    chain: list[Verdict] = []
    for verdict in reversed(verdicts):
        if not chain or _key(verdict.candidate) == _key(chain[0].baseline):
            chain.insert(0, verdict)
    return chain


def _key(side: Side) -> tuple[str, str]:
    return side.model, side.run or side.source


def _drift(newest: Difference, steps: Sequence[Verdict]) -> Drift:
    links = [_Link(step, found) for step in steps for found in step.tasks if found.task == newest.task]
    common = {"task": newest.task, "margin": newest.margin, "steps": len(links)}
    if len(links) < len(steps) or len({link.found.work for link in links}) > 1:
        return Drift(standing="unknown", text=f"{newest.task}: the task, its data or its prompts changed", **common)
    first, last = links[0].found.baseline, links[-1].found.candidate
    losses = [link.found.difference for link in links if link.found.difference is not None]
    if first is None or last is None or len(losses) < len(links):
        return Drift(standing="unknown", text=f"{newest.task}: a step has no score", **common)
    total = last - first
    errors = [link.found.standard_error for link in links]
    error = None if any(e is None for e in errors) else sum(e * e for e in errors if e is not None) ** 0.5
    standing = _standing(total, error, newest.margin, len(links))
    text = (
        f"{newest.task}: {100 * total:+.1f} points over {len(links)} steps ({100 * first:.1f} -> {100 * last:.1f}), "
        f"the largest step {100 * min(losses):+.1f}, {100 * newest.margin:.1f} allowed a step"
    )
    return Drift(
        standing=standing,
        anchor=first,
        newest=last,
        total=total,
        standard_error=error,
        worst_step=min(losses),
        text=text,
        **common,
    )


def _standing(total: float, error: float | None, margin: float, steps: int) -> Literal["drifted", "watch", "steady"]:
    if steps < 2 or total > -margin:
        return "steady"
    return "drifted" if error is not None and total + _SURE * error < 0 else "watch"
