"""The pages behind the table: one a model, one a task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple

from clueplus.gate.verdict import Verdict
from clueplus.leaderboard.board import Cell, Column, Row
from clueplus.leaderboard.card import card_html
from clueplus.leaderboard.history import row_history
from clueplus.leaderboard.index import VARIANT_TITLES, set_title
from clueplus.leaderboard.prices import Prices
from clueplus.leaderboard.render import Renderer
from clueplus.leaderboard.runs import StoredRun
from clueplus.leaderboard.site import Site, Table
from clueplus.plots.dots import Dot, dot_plot
from clueplus.plots.histogram import histogram
from clueplus.registry import TaskSpec

MOST_HISTOGRAMS = 12
MOST_DOTS = 40


class Shown(NamedTuple):
    """A model's row on one board."""

    table: Table
    row: Row


class Extras(NamedTuple):
    """What the model pages link to and show beside scores; `pairs` and `samples` are links by slug."""

    pairs: Mapping[str, Sequence[tuple[str, str, str]]]
    samples: Mapping[str, Sequence[tuple[str, str, str]]]
    verdicts: Sequence[Verdict]
    prices: Prices | None


class Pages:
    """Makes the pages.

    Args:
        renderer: of the shipped templates.
        site: what is shown.
        built: the time of the build, for the foot of each page.
        extras: what else is known of the models.
    """

    def __init__(self, renderer: Renderer, site: Site, built: str, extras: Extras) -> None:
        self._renderer, self._site, self._built, self._extras = renderer, site, built, extras

    def files(self) -> Iterator[tuple[str, str]]:
        """Each page's path under the site's root, and its text."""
        models: dict[str, list[Shown]] = {}
        for table in self._site.tables:
            for row in table.board.rows:
                if row.measured:
                    models.setdefault(row.slug, []).append(Shown(table, row))
        for slug, shown in models.items():
            yield f"models/{slug}.html", self._model(shown)
        for spec, group in self._site.specs:
            yield f"tasks/{spec.name}.html", self._task(spec, group)

    def _model(self, shown: Sequence[Shown]) -> str:
        name = shown[0].row.name
        return self._renderer.page(
            "model",
            root="../",
            title=name,
            row=shown[0].row,
            facts=shown[0].row.facts,
            boards=[self._model_board(each) for each in shown],
            runs=[self._run(run) for each in shown for run in reversed(each.row.runs)],
            pairs=self._extras.pairs.get(shown[0].row.slug, ()),
            samples=self._extras.samples.get(shown[0].row.slug, ()),
            histories=[
                found
                for each in shown
                if (found := row_history(each.table, each.row, self._extras.verdicts)) is not None
            ],
            base_slug=self._base_slug(shown[0].row),
            built=self._built,
        )

    def _model_board(self, shown: Shown) -> dict[str, Any]:
        table, row = shown
        trivial = next((each for each in table.board.rows if each.kind == "trivial"), None)
        marks = {name: cell.value for name, cell in trivial.cells.items()} if trivial else {}
        title = VARIANT_TITLES[table.board.variant]
        dots = [_dot(name, cell, marks.get(name)) for name, cell in row.cells.items() if cell.value is not None]
        return {
            "title": title,
            "variant": table.board.variant,
            "plot": dot_plot(dots, title=f"Scores of {row.name} on {title.lower()}", mark="trivial baseline"),
            "cells": [(column, row.cells[column.name], marks.get(column.name)) for column in table.board.columns],
            "sets": [
                (set_title(name, len(tasks)), table.standings[name][row.slug])
                for name, tasks in table.board.sets.items()
            ],
        }

    def _base_slug(self, row: Row) -> str | None:
        """The slug of the page of the model that this one was made from, where there is one."""
        return next(
            (
                each.slug
                for table in self._site.tables
                for each in table.board.rows
                if each.measured and each.name == row.base
            ),
            None,
        )

    def _run(self, run: StoredRun) -> dict[str, Any]:
        """What a reader needs to check a run: where it lies, how it was made."""
        record = run.record
        prompt = _sum([items.prompt_tokens for items in run.items.values()])
        completion = _sum([items.completion_tokens for items in run.items.values()])
        generation = record.generation
        return {
            "place": run.place,
            "record": record,
            "created": run.created.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "fingerprint": run.fingerprint,
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "cost": self._extras.prices.cost(record.model.name, prompt, completion) if self._extras.prices else None,
            "rate": generation.generated / generation.seconds
            if generation is not None and generation.seconds > 0 and generation.generated
            else None,
            "identity": {
                name: value
                for identity in list(record.model.identity.values())[:1]
                for name, value in identity.items()
                if value is not None
            },
        }

    def _task(self, spec: TaskSpec, group: str) -> str:
        return self._renderer.page(
            "task",
            root="../",
            title=spec.metadata.title,
            spec=spec,
            group=group,
            card=card_html(spec),
            boards=[
                self._task_board(table, column)
                for table in self._site.tables
                for column in table.board.columns
                if column.name == spec.name
            ],
            built=self._built,
        )

    def _task_board(self, table: Table, column: Column) -> dict[str, Any]:
        having = [row for row in table.board.rows if row.cells[column.name].value is not None]
        having.sort(key=lambda row: -(row.cells[column.name].value or 0.0))
        trivial = next((row for row in having if row.kind == "trivial"), None)
        mark = trivial.cells[column.name].value if trivial else None
        title = VARIANT_TITLES[table.board.variant]
        measured = [row for row in having if row.measured]
        return {
            "title": title,
            "variant": table.board.variant,
            "declared": column.spec.metadata.variants.get(table.board.variant),
            "rows": [(row, row.cells[column.name]) for row in having],
            "missing": [
                (row, row.cells[column.name].reason) for row in table.board.rows if row.measured and row not in having
            ],
            "plot": dot_plot(
                [_dot(row.name, row.cells[column.name], mark) for row in measured[:MOST_DOTS]],
                title=f"{column.spec.metadata.title}, {title.lower()}",
                mark="trivial baseline",
            )
            if measured
            else "",
            "histograms": [
                (row, histogram([int(count) for count in items.histogram], title=f"Item scores of {row.name}"))
                for row in measured[:MOST_HISTOGRAMS]
                if (items := row.cells[column.name].items)
            ],
            "more": max(0, len(measured) - MOST_HISTOGRAMS),
            "more_dots": max(0, len(measured) - MOST_DOTS),
            "detectable": table.detectable.get(column.name),
        }


def _dot(label: str, cell: Cell, mark: float | None) -> Dot:
    low, high, own = (None if number is None else 100 * number for number in (cell.low, cell.high, mark))
    return Dot(label, None if cell.value is None else 100 * cell.value, low, high, own, cell.reason)


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) and known else None
