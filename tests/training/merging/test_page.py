"""The report as a page: every number of it, nothing from elsewhere, readable on a phone."""

import re

import pytest

from clueplus.training.merging.page import page, plot
from clueplus.training.merging.plan import make_plan
from clueplus.training.merging.run import merge
from tests.support.browser import chromium, watched_page
from tests.training.merging.conftest import SHAPES, weights, write

TIES = {"weight": 0.5, "density": 0.5}


@pytest.fixture
def report(models, configure):
    write(models / "<b>two", weights(2))
    entries = [{"model": name} for name in ("one", "<b>two", "three")]
    return merge(make_plan(configure("ties", TIES, models=entries)), models / "out")


def test_it_tells_what_the_report_tells(report):
    text = page(report)
    assert "<h1>Merge by ties</h1>" in text
    for number in ("1,041", f"{report.summary.survival:.6g} (median)", report.weights, report.inputs[0].weights[:16]):
        assert number in text
    rows = re.findall(r"<tr>(.*?)</tr>", text, flags=re.S)
    for tensor in report.tensors:
        row = next(row for row in rows if f"<bdi>{tensor.name}</bdi>" in row)
        cells = re.findall(r"<bdi>(.*?)</bdi>", row)
        kept = [f"{tensor.kept[model]:.4f}" for model in ("one", "<b>two", "three")]
        assert cells[2:] == [f"{tensor.cosine_to_base:.6f}", *kept, f"{tensor.survival:.4f}"]
    assert report.notes[0].split("'")[0] in text


def test_a_models_name_is_no_markup(report):
    text = page(report)
    assert "<b>" not in text
    assert "kept of &lt;b&gt;two" in text


def test_rules_are_counted(models, configure):
    write(models / "one", {name: 2 * tensor for name, tensor in weights(0).items()})
    report = merge(make_plan(configure("slerp", {"t": 0.5}, models=[{"model": "one"}])), models / "out")
    assert "linear: parallel tensors (7 of 7 tensors)" in page(report)
    assert "none: the method keeps every entry" in page(report)


def test_without_a_base_there_is_no_plot_and_the_reason_is_told(models, configure):
    text = page(merge(make_plan(configure("linear", base_model=None)), models / "out"))
    assert "<svg" not in text
    assert "none: the merge has no base_model" in text


def test_the_plot_has_a_dot_for_each_measure_of_each_tensor(report):
    assert plot(report).count("<circle") == 3 * len(SHAPES)


def test_it_fits_a_phone_and_asks_for_nothing(report, tmp_path):
    (tmp_path / "report.html").write_text(page(report))
    with chromium() as browser:
        for width in (375, 1440):
            with watched_page(browser, viewport={"width": width, "height": 900}, color_scheme="dark") as shown:
                shown.goto((tmp_path / "report.html").as_uri())
                shown.click("summary")
                assert shown.evaluate("document.documentElement.scrollWidth") == width
                assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 28)"
                assert shown.locator("svg circle").first.is_visible()
