"""Plots are well-formed, say in words what they show, and put things where they belong."""

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.plots.bar import interval_bar
from clueplus.plots.dots import Dot, dot_plot
from clueplus.plots.histogram import histogram
from clueplus.plots.trend import Point, trend

SVG = "{http://www.w3.org/2000/svg}"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SCORE = st.one_of(st.none(), st.floats(-20, 120))


def parse(drawing: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawing)


def words(drawing: str) -> str:
    return parse(drawing).find(f"{SVG}desc").text or ""  # type: ignore[union-attr]


def numbers(drawing: str) -> list[float]:
    return [float(each) for each in re.findall(r'(?:[xy]|cx|cy|width|height)="(-?[\d.]+)"', drawing)]


def test_a_dot_stands_at_its_score_and_its_interval_around_it() -> None:
    low, mid, high = (
        float(parse(dot_plot([Dot("a", v)], title="t", mark="m")).find(f"{SVG}circle").get("cx"))  # type: ignore[union-attr, arg-type]
        for v in (0, 50, 100)
    )
    assert low < mid < high
    assert mid == pytest.approx((low + high) / 2, abs=0.02)
    drawing = dot_plot([Dot("a", 50, 0, 100, 25)], title="t", mark="m")
    assert f'd="M{low:g} ' in drawing
    assert f"H{high:g}" in drawing


def test_a_dot_plot_says_every_number_and_reason() -> None:
    rows = [Dot("a", 50, 40, 60, 30), Dot("b", None, reason="not run")]
    assert words(dot_plot(rows, title="t", mark="base")) == (
        "a: 50.0, interval 40.0 to 60.0, base 30.0; b: no score (not run)."
    )


def test_a_bar_marks_score_interval_and_baseline() -> None:
    assert interval_bar(50, 40, 60.04, 25) == (
        '<svg viewBox="0 0 100 8" aria-hidden="true"><path d="M40 4H60"/>'
        '<path class="m" d="M25 0V8"/><circle cx="50" cy="4" r="3"/></svg>'
    )
    assert 'd=""' in interval_bar(50, None, None, None)


def test_bars_of_a_histogram_are_as_high_as_their_counts() -> None:
    drawing = histogram([10, 0, 5], title="t")
    bars = {float(each.get("x")): float(each.get("height")) for each in parse(drawing).iter(f"{SVG}rect")}  # type: ignore[arg-type]
    assert [bars[x] for x in sorted(bars)] == [60, 30]
    assert words(drawing) == "15 items: 10 from 0 to 33.33, 5 from 66.67 to 100."
    assert words(histogram([0, 0], title="t")) == "No items."


def test_a_trend_rises_with_its_values_and_marks_verdicts() -> None:
    drawing = trend(
        [Point("one", 40, "good", "PASS"), Point("two", None), Point("three", 60, "bad", "FAIL")], title="t"
    )
    root = parse(drawing)
    circle, square = root.find(f"{SVG}circle"), root.find(f"{SVG}rect")
    assert circle is not None
    assert square is not None
    assert float(circle.get("cy")) > float(square.get("y"))  # type: ignore[arg-type]
    assert float(circle.get("cx")) < float(square.get("x"))  # type: ignore[arg-type]
    assert words(drawing) == "one: 40.0, PASS; two: no score; three: 60.0, FAIL."


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXT, SCORE, SCORE, SCORE, SCORE), max_size=4), TEXT)
def test_any_dots_make_a_drawing_inside_its_frame(rows: list[tuple[str, None, None, None, None]], title: str) -> None:
    drawing = dot_plot([Dot(*row) for row in rows], title=title, mark=title)
    root = parse(drawing)
    assert root.get("role") == "img"
    assert all(math.isfinite(each) and 0 <= each <= 640 for each in numbers(drawing))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXT, SCORE, st.sampled_from(["good", "bad", "open", "none"])), max_size=12), TEXT)
def test_any_history_makes_a_drawing(points: list[tuple[str, None, str]], title: str) -> None:
    drawing = trend([Point(*point) for point in points], title=title)
    assert parse(drawing).get("role") == "img"
    assert all(map(math.isfinite, numbers(drawing)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10**6), max_size=30))
def test_any_counts_make_a_drawing(counts: list[int]) -> None:
    assert all(0 <= each <= 300 for each in numbers(histogram(counts, title="t")))
