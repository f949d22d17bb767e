"""Measures in panels, with the same in words."""

from xml.etree import ElementTree

import pytest

from clueplus.plots.series import Series, describe, series_plot

SVG = "{http://www.w3.org/2000/svg}"


def test_a_panel_a_measure_and_a_dot_a_value():
    series = [Series("cosine", [0.5, 1.0, None]), Series("kept", [None] * 3), Series("survival", [0.2, 0.2, 0.2])]
    root = ElementTree.fromstring(series_plot(["a", "b", "<c>"], series, title="A & B"))
    assert root.find(f"{SVG}title").text == "A & B"
    dots = root.findall(f"{SVG}circle")
    assert len(dots) == 5
    assert [dot.find(f"{SVG}title").text for dot in dots[:2]] == ["a: 0.5", "b: 1"]
    assert float(dots[0].get("cy")) > float(dots[1].get("cy"))
    assert float(dots[0].get("cx")) < float(dots[1].get("cx"))


def test_the_words_tell_range_median_and_the_lowest():
    series = [Series("cosine", [0.5, 1.0, 0.75]), Series("kept", [None] * 3)]
    words = describe(["a", "b", "c"], series)
    assert words == "cosine: from 0.5 (a) to 1, median 0.75; kept: no values."


def test_an_axis_has_the_limits_that_are_given():
    def height(limits):
        root = ElementTree.fromstring(series_plot(["a", "b"], [Series("x", [0.5, 0.6], limits)], title="t"))
        labels = [text.text for text in root.findall(f"{SVG}text")]
        return [float(dot.get("cy")) for dot in root.findall(f"{SVG}circle")], labels

    wide, narrow = height((0.0, 1.0)), height(None)
    assert wide[1] == ["x", "1", "0"]
    assert narrow[1] == ["x", "0.6", "0.5"]
    assert wide[0][0] - wide[0][1] == pytest.approx((narrow[0][0] - narrow[0][1]) / 10, abs=0.1)
    assert height((0.55, 1.0))[0][0] == height((0.5, 1.0))[0][0]


def test_one_thing_and_none():
    ElementTree.fromstring(series_plot(["a"], [Series("x", [1.0])], title="t"))
    ElementTree.fromstring(series_plot([], [Series("x", [])], title="t"))
