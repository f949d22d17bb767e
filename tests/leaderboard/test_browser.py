"""The site in a real browser: opened from a disk, without a network, with and without JavaScript."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clueplus.leaderboard.build import Options, build
from clueplus.registry import Catalog
from clueplus.statistics import summary
from tests.support.boards import board_run, write_runs
from tests.support.browser import axe_script, watched_page

WIDE = {"viewport": {"width": 1440, "height": 900}}
PAGES = ("index.html", "models/tuned.html", "tasks/medec.html", "pairs/official--base--tuned.html")
NARROW = {"viewport": {"width": 375, "height": 800}}


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    with watched_page(browser, **WIDE) as opened:
        yield opened


@pytest.fixture
def index(page: Any, site: Path) -> Any:
    page.goto((site / "index.html").as_uri())
    return page


def names(page: Any, variant: str = "official") -> list[str]:
    """Of the measured rows that are shown, in order."""
    rows = page.locator(f'.board[data-variant="{variant}"] tbody.rows').first.locator("tr:visible th bdi")
    return list(rows.all_inner_texts())


def cell(page: Any, slug: str, place: int, variant: str = "official") -> Any:
    return page.locator(f'.board[data-variant="{variant}"] tr[data-slug="{slug}"] > *').nth(place)


def head(page: Any, key: str) -> Any:
    return page.locator(f'.board[data-variant="official"] .heads th[data-key="{key}"]')


def test_one_variant_is_shown_and_sorted_by_its_average(index: Any) -> None:
    assert index.locator(".board:visible").count() == 1
    assert names(index) == ["giant", "tuned", "twin", "base", "trivial baselines", "baseline:majority", "partial"]
    assert head(index, "average").get_attribute("aria-sort") == "descending"


def test_a_column_is_sorted_with_the_keyboard(index: Any) -> None:
    head(index, "medec").locator("button").focus()
    index.keyboard.press("Enter")
    scores = [
        float(text)
        for text in index.locator('.board[data-variant="official"] tbody.rows')
        .first.locator("tr td:nth-child(14)")
        .evaluate_all("cells => cells.map((cell) => cell.firstChild.data).filter((text) => text && !isNaN(text))")
    ]
    assert len(scores) == 6
    assert scores == sorted(scores, reverse=True)
    assert head(index, "medec").get_attribute("aria-sort") == "descending"
    assert head(index, "average").get_attribute("aria-sort") is None
    assert names(index)[-1] == "partial", "a row without a score is last"
    index.keyboard.press("Space")
    assert head(index, "medec").get_attribute("aria-sort") == "ascending"
    assert names(index)[-1] == "partial", "whatever the direction"
    assert index.evaluate("document.activeElement.parentElement.dataset.key") == "medec"


def test_names_sort_from_a_to_z_first(index: Any) -> None:
    head(index, "name").locator("button").click()
    assert names(index) == sorted(names(index))
    assert head(index, "name").get_attribute("aria-sort") == "ascending"


def test_rank_sorts_best_first_and_unranked_rows_last(index: Any) -> None:
    head(index, "rank").locator("button").click()
    assert names(index)[0] == "giant"
    assert set(names(index)[-2:]) == {"partial", "trivial baselines"}


@pytest.mark.parametrize(
    ("field", "value", "left"),
    [
        ("size", "40B and more", {"giant"}),
        ("size", "below 4B", {"base", "tuned", "twin"}),
        ("open", "yes", {"base", "tuned", "twin"}),
        ("open", "no", {"giant", "partial", "baseline:majority", "trivial baselines"}),
        ("tuned", "yes", {"tuned", "twin"}),
        ("from", "base", {"tuned", "twin"}),
    ],
)
def test_a_filter_leaves_the_rows_that_fit(index: Any, field: str, value: str, left: set[str]) -> None:
    index.locator("summary").click()
    index.select_option(f"#{field}", value)
    assert set(names(index)) == left
    assert (
        index.locator("#count")
        .inner_text()
        .startswith(f"{index.locator('.board:visible tbody.rows tr:visible').count()} of")
    )


def test_search_finds_all_words_in_any_case(index: Any) -> None:
    index.fill("#q", "TW in")
    assert names(index) == ["twin"]
    index.fill("#q", "no such model")
    assert names(index) == []
    assert index.locator("#count").inner_text() == "0 of 21 rows"


def test_a_set_of_tasks_changes_columns_average_and_rank(index: Any, site: Path) -> None:
    assert cell(index, "partial", 2).inner_text() == "–"
    index.select_option("#set", "clue")
    data = json.loads((site / "data/official.json").read_text())
    partial = next(row for row in data["rows"] if row["model"] == "partial")["sets"]["clue"]
    assert float(cell(index, "partial", 2).get_attribute("data-value")) == pytest.approx(partial["average"], rel=1e-12)
    assert cell(index, "partial", 1).inner_text().startswith(str(partial["rank_best"]))
    assert head(index, "mednli").is_visible()
    assert not head(index, "medec").is_visible()
    assert index.locator('.board:visible .groups th[data-group="CLUE+ additions"]').is_hidden()


def test_columns_are_picked_and_filtered_by_tier(index: Any) -> None:
    index.locator("summary").click()
    index.uncheck('[data-column="pls"]')
    assert not head(index, "pls").is_visible()
    assert not cell(index, "giant", 6).is_visible()
    assert index.locator('.board:visible .groups th[data-group="CLUE"]').get_attribute("colspan") == "5"
    index.select_option("#tier", "open")
    assert head(index, "medec").is_visible()
    assert not head(index, "mednli").is_visible()


def test_a_base_recomputes_gains_as_the_summary_does(index: Any, site: Path) -> None:
    data = json.loads((site / "data/official.json").read_text())
    rows = {row["model"]: row for row in data["rows"] if row["kind"] == "model"}
    tasks = list(json.loads(index.locator("#data-official").text_content())["columns"])[:12]
    scores = {name: {task: row["tasks"][task]["score"] for task in tasks} for name, row in rows.items()}
    before = cell(index, "tuned", 3).inner_text()
    index.select_option("#base", "giant")
    assert cell(index, "tuned", 3).inner_text() != before
    for name in ("base", "tuned", "twin"):
        gained = summary.datasets_gained(scores[name], scores["giant"], tasks).value
        variation = summary.gain_variation(scores[name], scores["giant"], tasks).value
        assert float(cell(index, name, 3).get_attribute("data-value")) == gained
        assert float(cell(index, name, 4).get_attribute("data-value")) == pytest.approx(variation, rel=1e-9)
        assert cell(index, name, 4).inner_text() == f"{variation:.1f}"
    assert cell(index, "giant", 3).inner_text() == "–", "no gain over itself"
    assert cell(index, "published~" + "mediphi", 3).count() == 0
    published = index.locator("tr.published td:nth-child(4)").first
    assert published.inner_text() == "–", "a measured base is none for published rows"


def test_what_the_script_shows_at_first_is_what_was_built(browser: Any, site: Path) -> None:
    """Python's numbers, read with JavaScript off, against JavaScript's."""
    texts = []
    for on in (False, True):
        with watched_page(browser, java_script_enabled=on, **WIDE) as page:
            page.goto((site / "index.html").as_uri())
            rows = page.locator(".board").first.locator("tr[data-slug]")
            texts.append({row.split("\t")[0]: row for row in rows.all_inner_texts()})
    assert texts[0] == texts[1]


def test_the_address_brings_everything_back(index: Any, browser: Any) -> None:
    index.locator("summary").click()
    index.select_option("#set", "clue")
    index.select_option("#base", "twin")
    index.select_option("#size", "below 4B")
    index.uncheck('[data-column="pls"]')
    index.select_option("#theme", "dark")
    index.fill("#q", "t")
    head(index, "mednli").locator("button").click()
    head(index, "mednli").locator("button").click()

    def seen(page: Any) -> Any:
        return (
            names(page),
            page.locator(".board:visible").inner_text(),
            page.evaluate("[getComputedStyle(document.body).backgroundColor, document.getElementById('q').value]"),
        )

    before = seen(index)
    assert before[0] == sorted(before[0], key=before[0].index) == names(index)
    index.reload()
    assert seen(index) == before
    with watched_page(browser, **WIDE) as other:
        other.goto(index.url)
        assert seen(other) == before
        other.locator("#reset").click()
        assert len(names(other)) == 7
        assert other.url.endswith("index.html#")


def test_another_variant_is_another_table(index: Any) -> None:
    index.select_option("#variant", "sample")
    assert names(index, "sample") == ["tuned", "base", "trivial baselines"]
    assert "variant=sample" in index.url
    index.reload()
    assert index.locator(".board:visible h2").inner_text() == "Synthetic samples"


def test_a_broken_address_shows_the_table(page: Any, site: Path) -> None:
    page.goto((site / "index.html").as_uri() + "#variant=x&set=y&base=z&sort=w+up&size=q&hide=,,&theme=%ff&tier=v")
    assert page.locator(".board:visible").count() == 1
    assert head(page, "average").get_attribute("aria-sort") == "descending"


def test_a_long_table_shows_a_hundred_rows_until_asked_for_all(browser: Any, tmp_path: Path) -> None:
    runs = [board_run(f"m{k:03}", 0.5, variant="sample", tasks=["medec"], items=3, seed=k) for k in range(103)]
    build(Options(write_runs(tmp_path / "results", *runs), tmp_path / "site", Catalog()))
    with watched_page(browser, **WIDE) as page:
        page.goto((tmp_path / "site/index.html").as_uri() + "#variant=sample&sort=name+up")
        assert names(page, "sample") == [f"m{k:03}" for k in range(100)]
        assert page.locator("#count").inner_text() == "100 of 104 rows"
        page.fill("#q", "m10")
        assert names(page, "sample") == ["m100", "m101", "m102"], "search looks beyond the first hundred"
        page.fill("#q", "")
        page.get_by_role("button", name="Show all 104").click()
        assert len(names(page, "sample")) == 104
        page.reload()
        assert len(names(page, "sample")) == 104
        assert page.locator("#all").is_hidden()


def test_without_javascript_every_board_can_be_read(browser: Any, site: Path) -> None:
    with watched_page(browser, java_script_enabled=False, **WIDE) as page:
        page.goto((site / "index.html").as_uri())
        assert page.locator(".board:visible").count() == 2
        assert page.locator("#controls").is_hidden()
        assert names(page)[0] == "giant"
        page.get_by_role("link", name="giant").first.click()
        assert page.locator("h1").inner_text() == "giant"


def test_the_system_decides_on_light_or_dark_and_the_reader_overrules_it(browser: Any, site: Path) -> None:
    def paper(page: Any) -> Any:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    colours = {}
    for scheme in ("light", "dark"):
        with watched_page(browser, color_scheme=scheme, **WIDE) as page:
            page.goto((site / "index.html").as_uri())
            colours[scheme] = paper(page)
            page.locator("summary").click()
            page.select_option("#theme", "light" if scheme == "dark" else "dark")
            colours[f"not {scheme}"] = paper(page)
    assert colours["light"] == colours["not dark"] == "rgb(255, 255, 255)"
    assert colours["dark"] == colours["not light"] != colours["light"]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_page_itself_never_scrolls_sideways_and_heads_stay(browser: Any, site: Path, size: Any) -> None:
    with watched_page(browser, **size) as page:
        for path in PAGES:
            page.goto((site / path).as_uri())
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        page.goto((site / "index.html").as_uri())
        page.locator(".board:visible .scroll").evaluate("box => box.scrollTo(400, 200)")
        assert page.locator(".board:visible .scroll").evaluate("box => box.scrollLeft") > 0
        box = page.locator(".board:visible .scroll").bounding_box()
        first = head(page, "name").bounding_box()
        assert abs(first["x"] - box["x"]) < 3
        assert first["y"] - box["y"] < 60


def test_on_paper_the_whole_table_is_there(browser: Any, site: Path) -> None:
    with watched_page(browser, **WIDE) as page:
        page.goto((site / "index.html").as_uri())
        page.emulate_media(media="print", color_scheme="dark")
        assert page.locator("#controls").is_hidden()
        assert page.locator(".board:visible .scroll").evaluate("box => getComputedStyle(box).maxHeight") == "none"
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, site: Path, scheme: str) -> None:
    """All rules once; in the dark only colours are new."""
    script = axe_script()
    if script is None:
        pytest.skip("axe-core is not installed: npm install --prefix .venv axe-core")
    rules = "{}" if scheme == "light" else "{runOnly: ['color-contrast']}"
    found = []
    answers = "samples/tuned/sample-medec.html"
    for path in (*PAGES, answers) if scheme == "light" else ("index.html", answers):
        context = browser.new_context(color_scheme=scheme, bypass_csp=True, **WIDE)
        page = context.new_page()
        page.goto((site / path).as_uri())
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        page.evaluate(script.read_text(encoding="utf-8"))
        for violation in page.evaluate(f"axe.run({rules})")["violations"]:
            if violation["impact"] in ("serious", "critical"):
                found.append((path, violation["id"], [node["html"][:120] for node in violation["nodes"][:3]]))
        context.close()
    assert found == []
