import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.plots.forest import Row, forest

SVG = "{http://www.w3.org/2000/svg}"
BETTER, WORSE, UNSURE = Row("up", 5.0, 2.0, 8.0), Row("down", -4.0, -6.0, -2.0), Row("open", 1.0, -1.0, 3.0)


def plot(*rows: Row, title: str = "B less A") -> ET.Element:
    return ET.fromstring(forest(rows, title=title, unit="points", below="A better", above="B better"))


def texts(svg: ET.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def percent(value: str | None) -> float:
    assert value is not None
    assert value.endswith("%")
    return float(value[:-1])


def intervals(svg: ET.Element) -> list[tuple[float, float]]:
    """The two ends of each row's line, in percent of the width."""
    lines = [line for line in svg.iter(f"{SVG}line") if line.get("y1") == line.get("y2")]
    return [(percent(line.get("x1")), percent(line.get("x2"))) for line in lines]


def marks(svg: ET.Element) -> list[float]:
    return [percent(element.get("x")) for element in svg.iter(f"{SVG}svg") if element.get("x")]


def ticks(svg: ET.Element) -> dict[str, float]:
    return {t.text or "": percent(t.get("x")) for t in svg.iter(f"{SVG}text") if t.get("class") == "tick"}


def kinds(svg: ET.Element) -> list[str]:
    return [path.get("class") or "" for path in svg.iter(f"{SVG}path")]


def test_values_stand_where_the_axis_says() -> None:
    svg = plot(BETTER, WORSE, UNSURE)
    axis = ticks(svg)
    assert list(axis) == ["-6", "-4", "-2", "0", "+2", "+4", "+6", "+8"]
    assert intervals(svg)[:2] == [(axis["+2"], axis["+8"]), (axis["-6"], axis["-2"])]
    middles = (axis["-2"] + axis["0"]) / 2, (axis["+2"] + axis["+4"]) / 2
    assert intervals(svg)[2] == pytest.approx(middles, abs=0.01)
    assert marks(svg)[1] == axis["-4"]
    zero = [line for line in svg.iter(f"{SVG}line") if line.get("class") == "zero"]
    assert [percent(line.get("x1")) for line in zero] == [axis["0"]]


def test_what_lies_above_or_below_zero_differs_in_shape_and_in_colour() -> None:
    svg = plot(BETTER, WORSE, UNSURE, Row("touches", 1.0, 0.0, 2.0), Row("alone", 5.0), Row("touches", -1.0, -2.0, 0.0))
    assert kinds(svg) == ["better", "worse", "unsure", "unsure", "unsure", "unsure"]
    shapes = [path.get("d") for path in svg.iter(f"{SVG}path")]
    assert len(set(shapes[:3])) == 3
    fills = [path.get("fill") for path in svg.iter(f"{SVG}path")]
    assert len(set(fills[:3])) == 3


def test_every_number_is_in_the_text_alternative() -> None:
    svg = plot(BETTER, Row("lacking", None), Row("alone", -0.04), title="B less A, by task")
    assert svg.get("role") == "img"
    assert svg.findtext(f"{SVG}title") == "B less A, by task"
    assert svg.findtext(f"{SVG}desc") == (
        "up: +5.0 points, interval +2.0 to +8.0; lacking: no value; alone: 0.0 points, no interval."
    )


def test_numbers_and_directions_are_written_beside_the_rows() -> None:
    shown = texts(plot(BETTER, Row("lacking", None), Row("alone", -1.0)))
    assert {"up", "+5.0 (+2.0 to +8.0)", "lacking", "no value", "alone", "-1.0"} <= set(shown)
    assert {"\u2190 A better", "B better \u2192", "points"} <= set(shown)


def test_a_row_without_value_has_no_mark_and_one_without_interval_no_line() -> None:
    svg = plot(Row("lacking", None), Row("alone", 1.0))
    assert (len(marks(svg)), intervals(svg)) == (1, [])


@pytest.mark.parametrize("rows", [[], [Row("a", None)], [Row("a", 0.0, 0.0, 0.0)]])
def test_nothing_to_show_is_still_a_plot(rows: list[Row]) -> None:
    svg = plot(*rows)
    assert "0" in ticks(svg)
    assert int(svg.get("height") or 0) > 0


def test_a_strong_row_stands_apart() -> None:
    svg = plot(BETTER, BETTER._replace(strong=True))
    weights = [t.get("font-weight") for t in svg.iter(f"{SVG}text") if t.text == "up"]
    assert weights == [None, "600"]


def test_a_long_label_leaves_room_for_the_numbers() -> None:
    svg = plot(Row("a" * 24, 1.0), Row("b" * 25, 1.0))
    assert {"a" * 24, "b" * 23 + "\u2026"} <= set(texts(svg))
    assert "b" * 25 in (svg.findtext(f"{SVG}desc") or "")


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", '"><b', "a & b", "</text>", "x\x00y\u202ez\ud800"])
def test_hostile_labels_stay_text(label: str) -> None:
    svg = plot(Row(label, 1.0, 0.5, 2.0), title=label)
    assert not list(svg.iter(f"{SVG}script"))
    (shown,) = [text for text in texts(svg) if text.startswith(label[:1])]
    assert "\u202e" not in shown
    assert "\x00" not in shown
    assert len(shown) == min(len(label), 24)
    assert shown == label or set(shown) & set("\ufffd\u2026")


numbers = st.floats(-100, 100, allow_nan=False).map(lambda x: round(x, 4))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(numbers, numbers, numbers).map(sorted), min_size=1, max_size=5))
def test_everything_lies_on_the_axis_in_order(drawn: list[list[float]]) -> None:
    svg = plot(*(Row(f"row {n}", value, low, high) for n, (low, value, high) in enumerate(drawn)))
    places = list(ticks(svg).values())
    assert places == sorted(places)
    assert 2 <= len(places) <= 12
    for (low, value, high), (left, right), mark in zip(drawn, intervals(svg), marks(svg), strict=True):
        assert places[0] <= left <= mark <= right <= places[-1]
        zero = ticks(svg)["0"]
        for number, place in ((low, left), (value, mark), (high, right)):
            assert (place - zero) * number >= -0.01
