import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from clueplus.errors import ClueplusError
from clueplus.leaderboard.build import MARK, Options, build, check_out, write_site
from clueplus.leaderboard.render import embedded_json, policy, short_reason
from clueplus.registry import Catalog
from tests.support.boards import board_run, write_runs


class Page(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.elements: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value))
            if name in ("href", "src"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {path.relative_to(site).as_posix(): Page(path) for path in site.rglob("*.html")}


def test_there_is_a_page_for_every_model_task_and_pair(pages: dict[str, Page]) -> None:
    models = {name for name in pages if name.startswith("models/")}
    assert {"models/base.html", "models/giant.html", "models/partial.html"} <= models
    assert len(models) == 6
    assert len([name for name in pages if name.startswith("tasks/")]) == 13
    assert len([name for name in pages if name.startswith("pairs/")]) == 6 * 5 // 2 + 1


def test_every_link_within_the_site_leads_to_a_file(site: Path, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        for link in page.links:
            if not link.startswith("https://"):
                assert ((site / name).parent / link.partition("#")[0]).resolve().is_file(), f"{name}: {link}"


def test_every_page_forbids_what_it_does_not_need(pages: dict[str, Page]) -> None:
    for page in pages.values():
        (rules,) = (
            value for tag, name, value in page.attributes if tag == "meta" and (value or "").startswith("default")
        )
        assert rules is not None
        assert rules.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in rules


def test_no_page_needs_what_its_policy_forbids(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        assert not {"link", "iframe", "object", "embed", "base"} & set(page.elements), name
        assert not [each for each in page.attributes if each[1].startswith("on") or each[1] == "style"], name
        assert len(page.ids) == len(set(page.ids)), name


def test_every_plot_has_a_text_alternative(site: Path) -> None:
    for path in site.rglob("*.html"):
        for drawing in re.findall(r"<svg[^>]*>.{0,200}", path.read_text(), flags=re.S):
            if 'aria-hidden="true"' not in drawing and 'overflow="visible"' not in drawing:
                assert 'role="img"' in drawing
                assert re.search(r"<title>[^<]+</title><desc>[^<]+", drawing, flags=re.S), path


def test_a_missing_cell_says_why(site: Path) -> None:
    text = (site / "index.html").read_text()
    row = text[text.index('data-slug="partial"') :]
    assert row[: row.index("</tr>")].count("not run") == 7
    assert "incomplete: 6 of 12 tasks missing" in row[: row.index("</tr>")]


def test_downloads_hold_what_the_table_shows_in_full(site: Path) -> None:
    found = json.loads((site / "data/official.json").read_text())
    rows = {(row["kind"], row["model"]): row for row in found["rows"]}
    assert found["unit"] == "fraction"
    assert rows["model", "giant"]["sets"]["clueplus"]["rank_best"] == 1
    assert rows["published", "MediPhi"]["tasks"]["medec"]["score"] == 0.291
    with (site / "data/official.csv").open(newline="") as file:
        lines = {(line["kind"], line["model"]): line for line in csv.DictReader(file)}
    assert lines.keys() == rows.keys()
    line = lines["model", "tuned"]
    assert float(line["task.medec.score"]) == rows["model", "tuned"]["tasks"]["medec"]["score"]
    assert float(line["set.clueplus.variation"]) == rows["model", "tuned"]["sets"]["clueplus"]["variation"]
    assert lines["model", "partial"]["task.icd10cm.reason"] == "not run"


def test_provenance_is_on_the_models_page(site: Path) -> None:
    text = (site / "models/tuned.html").read_text()
    for part in ("clueplus evaluate --model tuned", "0.1.0", 'href="base.html"', "300", "model-1/20260101T000000Z"):
        assert part in text


def test_a_price_makes_a_cost(results: Path, tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("currency: EUR\nmodels: {tuned: {prompt: 2.0, completion: 10.0}}\n")
    build(Options(results, tmp_path / "site", Catalog(), prices=prices))
    # 12 tasks of 40 items, 300 tokens in and 20 out: 144,000 and 9,600.
    assert "144,000 in, 9,600 out, 0.38 EUR" in (tmp_path / "site/models/tuned.html").read_text()
    assert "EUR" not in (tmp_path / "site/models/base.html").read_text()


def test_a_site_replaces_a_site_and_nothing_of_the_old_one_stays(tmp_path: Path) -> None:
    results = write_runs(tmp_path / "results", board_run("a", tasks=["medec"]))
    out = tmp_path / "site"
    build(Options(results, out, Catalog()))
    (out / "models/gone.html").write_text("old")
    built = build(Options(results, out, Catalog()))
    assert not (out / "models/gone.html").exists()
    assert built.pages == len(list(out.rglob("*.html")))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_folder_with_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("text")
    with pytest.raises(ClueplusError, match="something else than a site"):
        build(Options(tmp_path, tmp_path / "mine", Catalog()))
    assert (tmp_path / "mine/thesis.tex").read_text() == "text"


def test_a_file_is_refused_and_an_empty_folder_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ClueplusError, match="something else"):
        check_out(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    check_out(tmp_path / "empty")


def test_a_build_that_fails_half_way_leaves_the_old_site(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_site(out, iter([("index.html", "old")]))

    def broken():  # type: ignore[no-untyped-def]
        yield "index.html", "new"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_site(out, broken())
    assert (out / "index.html").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site"]
    assert (out / MARK).is_file()


def test_a_folder_that_cannot_be_written_is_a_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ClueplusError, match="--out"):
        write_site(tmp_path / "file" / "site", iter([]))


def test_records_that_are_left_out_are_told_of_on_the_front_page(tmp_path: Path) -> None:
    results = write_runs(tmp_path / "results", board_run("a", tasks=["medec"]), board_run("b", tasks=["medec"]))
    next((results / "model-1").rglob("run.json")).write_text("{}")
    built = build(Options(results, tmp_path / "site", Catalog()))
    assert [each.place for each in built.rejected] == ["model-1/20260101T000000Z"]
    assert "1 record failed validation and is left out" in (tmp_path / "site/index.html").read_text()


def test_an_empty_results_folder_makes_a_site_of_the_published_rows(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    build(Options(tmp_path / "results", tmp_path / "site", Catalog()))
    assert "MediPhi-Instruct" in (tmp_path / "site/index.html").read_text()


def test_the_policy_names_style_and_script_by_their_hashes() -> None:
    # sha256 of "a", known from elsewhere.
    assert "style-src 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='" in policy("a", None)
    assert "script-src 'none'" in policy("a", None)


def test_json_in_a_page_cannot_end_its_element() -> None:
    text = str(embedded_json({"name": "</script><!--<script>&\u2028"}))
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"name": "</script><!--<script>&\u2028"}


def test_reasons_are_told_in_a_few_words() -> None:
    assert short_reason("bertscore_f1: not computed, set a variable") == "no bertscore_f1"
    assert short_reason("only the first 20 documents") == "only the first 20 documents"
