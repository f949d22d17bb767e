"""A comparison as one page that needs nothing else: no script, no font, no request."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import clueplus
from clueplus.comparison.comparison import Comparison
from clueplus.comparison.render import markup, render
from clueplus.comparison.several import Several
from clueplus.comparison.tables import components, notes, of_pair, summary, tables
from clueplus.comparison.task import Flip, TaskComparison, shown_flips
from clueplus.comparison.wording import letters, percent, plain, told
from clueplus.plots.forest import Row, forest
from clueplus.statistics.paired import Difference

# From a response key to the text of the answer; None where it is not at hand.
Answers = Callable[[str], str | None]

# All of them are in the JSON; a page with thousands helps nobody.
_MOST_ITEMS = 50
_MOST_CHARACTERS = 2000
# Control characters, halves of surrogate pairs, and marks that turn the direction of what follows.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def page(several: Several, answers: Sequence[Answers] = ()) -> str:
    """The comparison as HTML; with more than two runs each is set against the first.

    Args:
        several: the comparison.
        answers: one a run, to show the answers to flipped items beside their scores; none, to show scores only. It is
            never asked for an item of restricted data.
    """
    many = len(several.runs) > 2
    names = [plain(run.name) for run in several.runs]
    return render(
        "compare.html",
        title=f"{len(names)} runs compared" if many else f"{names[1]} against {names[0]}",
        names=names,
        several=many,
        runs=[
            (letter, plain(run.name), told(run)) for letter, run in zip(letters(len(names)), several.runs, strict=True)
        ],
        notes=notes(several),
        overview=tables(several) if many else [],
        sections=[_section(several, number, answers) for number in range(1, len(names))],
        version=clueplus.__version__,
    )


def _section(several: Several, number: int, answers: Sequence[Answers]) -> dict[str, Any]:
    """The run with this number against the first."""
    pair, letter = several.pairs[0, number], letters(len(several.runs))[number]
    sides = [("A", answers[0]), (letter, answers[number])] if answers else []
    return {
        "letter": letter,
        "names": (plain(pair.baseline.name), plain(pair.candidate.name)),
        "summary": summary(pair, "A", letter),
        "forest": markup(plot(pair, "A", letter)),
        "table": of_pair(pair, "A", letter),
        "components": components(pair),
        "flipped": [_flipped(task, sides) for task in pair.tasks if task.changes and task.changes.flips],
    }


def plot(comparison: Comparison, baseline: str, candidate: str) -> str:
    """The forest plot of a comparison, in percentage points."""
    rows = [_row(task.task, task.difference) for task in comparison.tasks]
    mean = _row(f"mean of {len(rows)}", comparison.macro)._replace(strong=True)
    return forest(
        [*rows, mean],
        title=f"{candidate} less {baseline}, by task",
        unit="points",
        below=f"{baseline} better",
        above=f"{candidate} better",
    )


def _row(label: str, difference: Difference) -> Row:
    return Row(label, _points(difference.delta), _points(difference.low), _points(difference.high))


def _points(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _flipped(task: TaskComparison, sides: Sequence[tuple[str, Answers]]) -> dict[str, Any]:
    assert task.changes is not None
    flips, shown = task.changes.flips, shown_flips(task)[:_MOST_ITEMS]
    won = sum(flip.candidate > flip.baseline for flip in flips)
    hidden = "The data is restricted: items are counted and not listed." if task.tier == "restricted" else ""
    if shown and len(shown) < len(flips):
        hidden = f"The first {len(shown)} are listed, the greatest losses first; --json has all."
    return {
        "summary": f"{plain(task.task)}: {len(flips)} ({won} to the better, {len(flips) - won} to the worse)",
        "why_hidden": hidden,
        "listed": [_item(flip, sides) for flip in shown],
    }


def _item(flip: Flip, sides: Sequence[tuple[str, Answers]]) -> dict[str, Any]:
    keys = (flip.baseline_key, flip.candidate_key)
    texts = [(letter, answers(key)) for (letter, answers), key in zip(sides, keys, strict=True)] if sides else []
    return {
        "id": plain(flip.id),
        "baseline": percent(flip.baseline),
        "candidate": percent(flip.candidate),
        "groups": [plain(f"{name}: {value}") for name, value in flip.groups.items()],
        "answers": [{"letter": letter, "text": shown_text(text)} for letter, text in texts if text is not None],
    }


def shown_text(text: str) -> str:
    """An answer as a page may hold it: its beginning, without characters that act instead of showing."""
    cut = text[:_MOST_CHARACTERS]
    more = f"\n[{len(text) - len(cut)} more characters]" if len(cut) < len(text) else ""
    return _HIDDEN.sub("\ufffd", cut) + more
