import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from clueplus.comparison.page import page, shown_text
from clueplus.comparison.several import Several, compare_all
from tests.support.runs import make_items, make_run

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&lt;b&gt;{{ 7*7 }}\u202egnp.exe\x00\x1b[31m\ud800"
ALLOWED = {
    *("html", "head", "meta", "title", "link", "style", "body", "main", "h1", "h2", "h3", "h4", "p", "ul", "li", "dl"),
    *("dt", "dd", "figure", "figcaption", "div", "table", "thead", "tbody", "tr", "th", "td", "bdi", "details"),
    *("summary", "footer", "svg", "desc", "text", "line", "path"),
}


class Reader(HTMLParser):
    """Tags with their attributes, and the text of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def two(first: object = None, second: object = None, **fields: object) -> Several:
    return compare_all(
        [
            make_run({"medec": first or [0.0, 1.0, 1.0]}, name="old", **fields),  # type: ignore[dict-item, arg-type]
            make_run({"medec": second or [1.0, 0.0, 1.0]}, name="new", **fields),  # type: ignore[dict-item, arg-type]
        ]
    )


def test_the_page_holds_the_summary_the_plot_the_table_and_the_flips() -> None:
    read = Reader(page(two()))
    assert "new against old" in read.text
    assert "B is 0.0 points above A in the mean" in read.text
    assert [tag for tag, _ in read.tags].count("table") == 2
    (svg,) = [attributes for tag, attributes in read.tags if tag == "svg" and "role" in attributes]
    assert svg["role"] == "img"
    assert "medec: 0.0 points, interval" in read.text
    assert "medec: 2 (1 to the better, 1 to the worse)" in read.text
    assert re.search(r"medec-1\s*: 100.0 in A, 0.0 in B", read.text)


def test_the_page_asks_for_nothing_and_runs_nothing() -> None:
    html = page(two())
    read = Reader(html)
    (policy,) = [a["content"] or "" for _, a in read.tags if a.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    (style,) = re.findall(r"<style>(.*?)</style>", html, flags=re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert rules == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert {tag for tag, _ in read.tags} <= ALLOWED
    for tag, attributes in read.tags:
        assert "style" not in attributes, "the policy forbids it"
        assert not any(name.startswith("on") or name in {"src", "action"} for name in attributes)
        assert tag != "link" or attributes == {"rel": "icon", "href": "data:,"}
    assert "url(" not in style
    assert "@import" not in style


def test_more_runs_show_the_matrix_and_each_run_against_the_first() -> None:
    runs = [make_run({"medec": [value] * 9}, name=name) for name, value in [("a", 0.0), ("b", 0.5), ("c", 1.0)]]
    read = Reader(page(compare_all(runs)))
    assert "3 runs compared" in read.text
    assert "Mean difference: the row's run less the column's" in read.text
    assert "B against A: b against a" in read.text
    assert "C against A: c against a" in read.text
    assert "A better" in read.text
    assert [tag for tag, _ in read.tags].count("figure") == 2


def test_answers_are_shown_beside_flipped_items_when_they_are_at_hand() -> None:
    several = two()
    key = several.pairs[0, 1].tasks[0].changes.flips[0].baseline_key  # type: ignore[union-attr]
    read = Reader(
        page(several, [lambda asked: f"old {asked[:4]}", lambda asked: "new answer" if asked == key else None])
    )
    assert f"old {key[:4]}" in read.text
    assert read.text.count("new answer") == 1
    assert "old" not in Reader(page(several)).text.split("Flipped items")[1]


def test_restricted_items_are_counted_and_never_asked_for() -> None:
    def never(key: str) -> str:
        raise AssertionError(key)

    several = two(task_fields={"tier": "restricted"})
    html = page(several, [never, never])
    assert "medec: 2 (1 to the better, 1 to the worse)" in html
    assert "The data is restricted: items are counted and not listed." in html
    for item in make_items("medec", [0.0, 1.0, 1.0]):
        assert item.id not in html
        assert item.document_hash[:12] not in html


def test_hostile_texts_stay_text_wherever_they_stand() -> None:
    first = make_items("medec", [0.0, 1.0], id=HOSTILE, groups={HOSTILE: HOSTILE})
    second = make_items("medec", [1.0, 0.0], id=HOSTILE)
    runs = [
        make_run({"medec": first}, name=HOSTILE, run=HOSTILE, clueplus=HOSTILE, task_fields={"title": HOSTILE}),
        make_run({"medec": second}, name="new", model_fields={"engine": HOSTILE}),
    ]
    html = page(compare_all(runs), [lambda key: HOSTILE, lambda key: HOSTILE])
    html.encode()  # no half of a surrogate pair
    read = Reader(html)
    assert {tag for tag, _ in read.tags} <= ALLOWED
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "{{ 7*7 }}" in read.text
    assert not set(html) & {"\u202e", "\x00", "\x1b"}


def test_a_hostile_name_of_a_task_stays_text() -> None:
    runs = [make_run({HOSTILE: [value, 1.0]}, name=str(value)) for value in (0.0, 1.0)]
    html = page(compare_all(runs))
    assert {tag for tag, _ in Reader(html).tags} <= ALLOWED
    assert not set(html) & {"\u202e", "\x00", "\x1b"}


def test_a_long_answer_is_cut_and_many_items_too() -> None:
    assert shown_text("a" * 2000) == "a" * 2000
    assert shown_text("a" * 2003) == "a" * 2000 + "\n[3 more characters]"
    html = page(two([0.0] * 51, [1.0] * 51))
    assert "The first 50 are listed" in html
    assert html.count(" in A, ") == 50
    assert "are listed, the greatest losses" not in page(two([0.0] * 50, [1.0] * 50))


@pytest.mark.parametrize(
    "text", ["two\nlines\tand a tab", "\u0645\u0631\u062d\u0628\u0627", "caf\u00e9 \U0001f9d1\u200d\u2695\ufe0f"]
)
def test_ordinary_text_of_any_script_is_left_alone(text: str) -> None:
    assert shown_text(text) == text


def test_a_task_without_a_difference_has_no_flips_and_a_reason() -> None:
    lacking = [{"rouge": 0.5, "bertscore": None}] * 3
    read = Reader(page(two(lacking, lacking)))
    assert "no value" in read.text
    assert "pls" not in read.text
    assert "medec: no difference: bertscore has no value in either run" in read.text
    assert "None." in read.text
