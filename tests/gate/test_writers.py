"""One verdict, many writers: what each shows is parsed again and must be the same."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from clueplus.errors import ClueplusError, StoreError
from clueplus.gate.judge import judge, use_policy
from clueplus.gate.policy import Policy, read_policy
from clueplus.gate.sides import Opened, Unreadable, open_side
from clueplus.gate.verdict import Verdict, parse_verdict, read_verdict
from clueplus.gate.writers import write_reports, writer_of
from clueplus.gate.writers.github import escape_data, escape_property, to_github
from clueplus.gate.writers.html import to_html
from clueplus.gate.writers.json import to_json
from clueplus.gate.writers.junit import to_junit
from clueplus.gate.writers.markdown import to_markdown
from tests.support.runs import make_run

BASE = [float(n % 10 < 6) for n in range(1000)]
LOST = [float(n % 10 < 5) for n in range(1000)]
HOSTILE = "results/a\n::error::x<script>alert(1)</script>|`%*[](http://x)\x1b[31m\u202e"

Status = dict[str, tuple[str, str]]  # by name, standing and effect


def made(candidate: Opened, **keys: object) -> Verdict:
    policy = Policy.model_validate({**keys, "path": Path("gate.yaml")})
    baseline = make_run({"medec": BASE, "sdoh": BASE, "pls": [0.5, 0.4]}, name="before")
    return judge(baseline, candidate, policy, use_policy(policy, read_policy()))


def after(**fields: object) -> Opened:
    return make_run({"medec": LOST, "sdoh": BASE, "pls": [0.5, 0.4]}, name="after", **fields)  # type: ignore[arg-type]


SUPPORTING = {"tier": "supporting", "reason": "labels | are `noisy`"}
ADVISORY = {"tier": "advisory", "reason": "two items"}
VERDICTS = {
    "fail": made(after(), tasks={"medec": {"floor": 70}, "sdoh": {"floor": 50}}),
    "inconclusive": made(after(), tasks={"medec": SUPPORTING}, macro_margin=20, reason="x"),
    "pass": made(
        after(), tasks={"medec": SUPPORTING, "pls": {**SUPPORTING, "tier": "advisory"}}, macro_margin=20, reason="x"
    ),
    "template": made(after(template="b" * 64)),
    "unreadable": made(Unreadable(HOSTILE, f"{HOSTILE}: not a run record")),
    "paper": judge(
        open_side("published:Phi-3.5-mini-instruct"),
        open_side("published:MediPhi-Instruct"),
        read_policy(),
        use_policy(read_policy(), read_policy()),
    ),
}


def told(verdict: Verdict) -> Status:
    found = {entry.task: (entry.standing, entry.effect) for entry in verdict.differences()}
    return found | {f"{c.kind} of {c.subject}": (c.standing, c.effect) for c in verdict.checks}


def from_json(text: str) -> tuple[str, Status]:
    data = json.loads(text)
    found = {e["task"]: (e["standing"], e["effect"]) for e in [data["average"], *data["tasks"]] if e}
    found |= {f"{c['kind']} of {c['subject']}": (c["standing"], c["effect"]) for c in data["checks"]}
    return data["status"], found


def unmarked(cell: str) -> tuple[str, str]:
    effects = {"blocks": "fail", "holds back": "hold", "warning": "warn", None: "none"}
    parts = re.fullmatch(r"([\w-]+)(?: \(([\w ]+)\))?", cell)
    assert parts, cell
    return parts[1], effects[parts[2]]


def from_markdown(text: str) -> tuple[str, Status]:
    status = re.search(r"^## clueplus gate: (.+)$", text, flags=re.M)
    assert status
    found = {}
    for line in text.splitlines():
        cells = [re.sub(r"\\(.)", r"\1", cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 11 and cells[0] not in ("", "---"):
            found[cells[0]] = unmarked(cells[-1])
        if len(cells) == 4 and cells[0] not in ("kind", "---"):
            found[f"{cells[0]} of {cells[1]}"] = unmarked(cells[2])
    return status[1], found


def from_junit(text: str) -> tuple[str, Status]:
    suite = ET.fromstring(text)
    status = suite.find("properties/property[@name='status']")
    assert status is not None
    found, failures, errors = {}, 0, 0
    for case in suite.findall("testcase"):
        failures += case.find("failure") is not None
        errors += case.find("error") is not None
        if case.get("name") == "comparable":
            continue
        values = {p.get("name"): p.get("value", "") for p in case.findall("properties/property")}
        found[case.get("name", "")] = values["standing"], values["effect"]
        assert (case.find("failure") is not None) == (values["effect"] == "fail")
        assert (case.find("error") is not None) == (values["effect"] == "hold")
    counts = [int(suite.get(name, "")) for name in ("tests", "failures", "errors")]
    assert counts == [len(suite.findall("testcase")), failures, errors]
    assert (failures + errors == 0) == (status.get("value") == "PASS")
    return status.get("value", ""), found


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.status, self.found, self.tags = "", {}, []  # type: ignore[var-annotated]
        self.cells: list[str] = []
        self.name = self.policy = self.style = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        self.status = values.get("data-status") or self.status
        self.name, self.effect = values.get("data-name") or self.name, values.get("data-effect") or ""
        if tag == "tr":
            self.cells = []
            self.row = self.name, self.effect
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values.get("content") or ""

    def handle_data(self, data: str) -> None:
        self.cells.append(data.strip())
        if self.tags and self.tags[-1][0] == "style" and data.strip():
            self.style = self.style or data

    def handle_endtag(self, tag: str) -> None:
        standing = next(
            (cell for cell in self.cells if re.fullmatch(r"(\w|-)+( \([\w ]+\))?", cell) and is_standing(cell)), ""
        )
        if tag == "tr" and standing:
            self.found[self.row[0]] = (unmarked(standing)[0], self.row[1])


def is_standing(cell: str) -> bool:
    return cell.split(" (")[0] in ("non-inferior", "worse", "undecided", "holds", "broken")


def from_html(text: str) -> tuple[str, Status]:
    page = Page(text)
    return page.status, page.found


PARSERS: list[tuple[Callable[[Verdict], str], Callable[[str], tuple[str, Status]]]] = [
    (to_json, from_json),
    (to_markdown, from_markdown),
    (to_junit, from_junit),
    (to_html, from_html),
]


@pytest.mark.parametrize("name", VERDICTS)
@pytest.mark.parametrize(("write", "parse"), PARSERS, ids=lambda function: function.__name__)
def test_every_writer_tells_the_same(
    name: str, write: Callable[[Verdict], str], parse: Callable[[str], tuple[str, Status]]
) -> None:
    verdict = VERDICTS[name]
    assert parse(write(verdict)) == (verdict.status, told(verdict))


def test_the_verdicts_of_this_file_are_of_every_kind() -> None:
    assert {verdict.status for verdict in VERDICTS.values()} == {"PASS", "FAIL", "INCONCLUSIVE", "NOT COMPARABLE"}
    effects = {effect for verdict in VERDICTS.values() for _, effect in told(verdict).values()}
    assert effects == {"none", "warn", "hold", "fail"}


COMMAND = re.compile(r"::(error|warning|notice) title=([^:,]*)::(.*)")


@pytest.mark.parametrize("name", VERDICTS)
def test_github_lines_are_one_command_each_and_name_what_matters(name: str) -> None:
    verdict = VERDICTS[name]
    lines = to_github(verdict).splitlines()
    parsed = [COMMAND.fullmatch(line) for line in lines]
    assert all(parsed)
    first, *rest = [(match[1], match[2].replace("%3A", ":").replace("%2C", ","), match[3]) for match in parsed if match]
    assert first[0] == ("notice" if verdict.status == "PASS" else "error")
    assert first[1] == f"clueplus gate: {verdict.status}"
    levels = {"fail": "error", "hold": "error", "warn": "warning"}
    wanted = [
        (levels[effect], f"{name}: {standing}")
        for name, (standing, effect) in told(verdict).items()
        if effect != "none"
    ]
    assert [entry[:2] for entry in rest[: len(wanted)]] == wanted
    assert len(rest) == len(wanted) + len(verdict.warnings)


def test_githubs_escapes() -> None:
    assert escape_data("50%\r\nof a: b, c") == "50%25%0D%0Aof a: b, c"
    assert escape_property("50%\nof a: b, c") == "50%25%0Aof a%3A b%2C c"


def test_json_is_read_again_as_the_same_verdict(tmp_path: Path) -> None:
    for name, verdict in VERDICTS.items():
        path = tmp_path / f"{name}.json"
        write_reports(verdict, [path])
        assert read_verdict(path) == verdict
        assert json.loads(path.read_text())["schema_version"] == 1
    with pytest.raises(StoreError, match="nowhere"):
        read_verdict(tmp_path / "nowhere.json")
    with pytest.raises(StoreError, match="x: not a verdict of schema 1: status"):
        parse_verdict(json.dumps({**json.loads(to_json(VERDICTS["pass"])), "status": "FINE"}), "x")


def test_the_page_runs_nothing_and_asks_for_nothing() -> None:
    for verdict in VERDICTS.values():
        text = to_html(verdict)
        page = Page(text)
        style = re.search(r"<style>(.*?)</style>", text, flags=re.S)
        assert style
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        assert page.policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
        assert {tag for tag, _ in page.tags}.isdisjoint({"script", "iframe", "object", "img", "form", "a"})
        assert not [values for _, values in page.tags if values.keys() & {"style", "onclick", "onload", "src"}]
        assert [values["href"] for tag, values in page.tags if tag == "link"] == ["data:,"]


def test_the_page_has_the_forest_plot_where_there_are_differences() -> None:
    assert 'class="forest"' in to_html(VERDICTS["fail"])
    assert 'class="forest"' not in to_html(VERDICTS["template"])


def test_hostile_names_stay_text() -> None:
    verdict = VERDICTS["unreadable"]
    assert "<script" not in to_html(verdict)
    markdown = to_markdown(verdict)
    assert "<script" not in re.sub(r"`[^`]*`", "", markdown).replace("\\<", "")
    assert "\x1b" not in markdown
    assert len(re.findall(r"^\| ", markdown, flags=re.M)) == 0
    ET.fromstring(to_junit(verdict))
    assert all(line.startswith("::") for line in to_github(verdict).splitlines())


def test_reasons_of_a_looser_policy_are_shown_by_all_writers_for_people() -> None:
    verdict = VERDICTS["pass"]
    for text in (to_markdown(verdict), to_html(verdict)):
        assert "tasks.medec.tier" in text
        assert "noisy" in text
    assert "labels \\| are \\`noisy\\`" in to_markdown(verdict)


def test_promises_are_counted_above_their_table() -> None:
    for text in (to_markdown(VERDICTS["fail"]), to_html(VERDICTS["fail"])):
        assert "1 broken, 10 holds</summary>" in text


def test_an_unknown_ending_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ClueplusError, match=r"use \.json, \.md, \.xml, \.html"):
        writer_of(tmp_path / "verdict.pdf")
