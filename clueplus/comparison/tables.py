"""What a comparison shows, as headings and cells: the terminal, Markdown and the page print the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from clueplus.comparison.comparison import Comparison
from clueplus.comparison.several import ALPHA, Several
from clueplus.comparison.task import TaskComparison
from clueplus.comparison.wording import (
    NONE,
    interval,
    legend,
    letters,
    markdown,
    p_value,
    percent,
    plain,
    points,
)


class Table(NamedTuple):
    """Text in rows: `words` columns of words, then numbers; the last `footers` rows sum up the others."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    footers: int = 0
    words: int = 1


def tables(several: Several) -> list[Table]:
    """Two runs: one table of tasks. More: the scores, and who is ahead of whom. `letters` name the runs."""
    if len(several.runs) == 2:
        return [of_pair(several.pairs[0, 1])]
    names = letters(len(several.runs))
    return [_scores(several, names), _matrix(several, names)]


def of_pair(comparison: Comparison, baseline: str = "A", candidate: str = "B") -> Table:
    """The tasks of two runs, called `baseline` and `candidate`, and their mean."""
    macro = comparison.macro
    mean = (
        f"mean of {len(comparison.tasks)}",
        str(sum(task.n for task in comparison.tasks)),
        *(percent(score) for score in mean_scores(comparison)),
        points(macro.delta),
        interval(macro),
        NONE,
        NONE,
        p_value(macro.two_sided_p()),
    )
    return Table(
        title=f"{candidate} less {baseline}, scores in percent",
        headings=("task", "n", baseline, candidate, "delta", "95% interval", "won-lost", "flips", "p (Holm)"),
        rows=(*map(_task, comparison.tasks), mean),
        footers=1,
    )


def summary(comparison: Comparison, baseline: str = "A", candidate: str = "B") -> str:
    """The comparison in words: the mean, and how many tasks are shown to be better or worse."""
    settled = [task.difference.delta for task in comparison.tasks if task.p_holm is not None and task.p_holm < ALPHA]
    better = sum(delta is not None and delta > 0 for delta in settled)
    worse = len(settled) - better
    tasks = (
        f"{candidate} is shown to be better on {better} and worse on {worse} of {len(comparison.tasks)} tasks"
        f" (p < {ALPHA}, Holm)."
    )
    macro = comparison.macro
    if macro.delta is None:
        return f"There is no mean of all tasks. {tasks}"
    side = "above" if macro.delta >= 0 else "below"
    mean = f"{candidate} is {abs(100 * macro.delta):.1f} points {side} {baseline} in the mean"
    if macro.low is None or macro.high is None:
        return f"{mean}, without an interval. {tasks}"
    settles = "not settled" if macro.low <= 0 <= macro.high else "settled"
    return f"{mean} (95% interval {interval(macro)}: {settles}). {tasks}"


def components(comparison: Comparison) -> Table:
    """The parts of each column."""
    rows = [
        (plain(task.task), plain(name), points(difference.delta), interval(difference), str(difference.n))
        for task in comparison.tasks
        for name, difference in task.components.items()
    ]
    return Table("components", ("task", "component", "delta", "95% interval", "n"), tuple(rows), words=2)


def mean_scores(comparison: Comparison) -> tuple[float | None, float | None]:
    """The means of both runs' columns on the paired items; None where the mean difference is."""
    if comparison.macro.delta is None:
        return None, None
    columns = ([task.baseline for task in comparison.tasks], [task.candidate for task in comparison.tasks])
    before, after = (fmean(score for score in column if score is not None) for column in columns)
    return before, after


def _task(task: TaskComparison) -> tuple[str, ...]:
    changes = task.changes
    return (
        plain(task.task),
        str(task.n),
        percent(task.baseline),
        percent(task.candidate),
        points(task.difference.delta),
        interval(task.difference),
        f"{changes.wins}-{changes.losses}" if changes else NONE,
        str(len(changes.flips)) if changes else NONE,
        p_value(task.p_holm),
    )


def _scores(several: Several, names: Sequence[str]) -> Table:
    rows = []
    for task, scores in several.scores.items():
        best = several.best(task)
        cells = (percent(score) + (" *" if number in best else "") for number, score in enumerate(scores))
        rows.append((plain(task), *cells))
    return Table("Scores (* best, or not shown to be worse)", ("task", *names), tuple(rows))


def _matrix(several: Several, names: Sequence[str]) -> Table:
    rows = [(name, *(_ahead(several, row, column) for column in range(len(names)))) for row, name in enumerate(names)]
    title = f"Mean difference: the row's run less the column's (* p < {ALPHA}, Holm)"
    return Table(title, ("", *names), tuple(rows))


def _ahead(several: Several, row: int, column: int) -> str:
    if row == column:
        return ""
    pair = min(row, column), max(row, column)
    delta, p = several.pairs[pair].macro.delta, several.macro_p[pair]
    sign = 1 if row > column else -1
    return points(None if delta is None else sign * delta) + (" *" if p is not None and p < ALPHA else "")


def notes(several: Several) -> list[str]:
    """What a reader must know beside the numbers, each once; where not all pairs share it, of which pairs."""
    names = letters(len(several.runs))
    found: dict[str, list[str]] = {}
    for (a, b), pair in several.pairs.items():
        for note in _of(pair):
            found.setdefault(plain(note), []).append(f"{names[a]}-{names[b]}")
    return [
        note if len(where) == len(several.pairs) else f"{', '.join(where)}: {note}" for note, where in found.items()
    ]


def _of(pair: Comparison) -> Iterator[str]:
    yield from pair.notes
    if pair.macro.reason:
        lacks = "no value" if pair.macro.delta is None else "no interval"
        yield f"the mean of all tasks has {lacks}: {pair.macro.reason}"
        known = [task.task for task in pair.tasks if task.difference.delta is not None]
        if known and pair.macro.delta is None:
            yield f"for the mean of the others: --tasks {','.join(known)}"


def as_markdown(several: Several) -> str:
    """The tables and notes as GitHub's Markdown."""
    parts = [*(f"- {markdown(line)}" for line in legend(several.runs)), ""]
    for table in tables(several):
        parts.append(f"**{markdown(table.title)}**\n")
        align = [":--" if column < table.words else "--:" for column in range(len(table.headings))]
        lines = (table.headings, *table.rows)
        head, *body = ("| " + " | ".join(map(markdown, cells)) + " |" for cells in lines)
        parts += [head, "| " + " | ".join(align) + " |", *body, ""]
    if len(several.runs) == 2:
        parts += [markdown(summary(several.pairs[0, 1])), ""]
    parts += [f"- {markdown(note)}" for note in notes(several)]
    return "\n".join(parts).rstrip() + "\n"
