"""Restricted text in the neighbourhood of the records never reaches a site, whatever a record says."""

import base64
import gzip
import html
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Result
from tests.support.boards import board_run, write_runs
from tests.support.fake_server import fake_server
from tests.support.restricted_task import CANARY, NAME, write_restricted_task


def leaks(folder: Path) -> list[str]:
    """Files with a canary, also in what a page carries compressed."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            packed = re.findall(r'type="application/octet-stream" id="data">([^<]*)<', text)
            texts = [text, html.unescape(text), *(zlib.decompress(base64.b64decode(each)).decode() for each in packed)]
            if any(CANARY in each for each in texts):
                found.append(str(path))
    return found


@pytest.fixture
def evaluated(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder after a run over a restricted and an open task, answered by a model that repeats the note."""
    monkeypatch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path / "data"))
    write_restricted_task(tmp_path / "tasks", tmp_path / "data")
    common = ("--results-dir", tmp_path / "results", "--tasks-dir", tmp_path / "tasks", "--model", "fake")
    with fake_server(lambda payload, number: str(payload["messages"][-1]["content"])) as server:
        url = ("--base-url", server.base_url)
        assert cli("evaluate", *common, *url, "--tasks", NAME, "--variant", "official").code == 0
        assert cli("evaluate", *common, *url, "--tasks", "medec", "--variant", "sample").code == 0
    store = tmp_path / "data" / "restricted" / "answers" / "fake"
    assert CANARY in gzip.decompress((store / "responses.jsonl.gz").read_bytes()).decode(), (
        "the restricted store has the text"
    )
    # Whatever else may lie about: notes, logs, a store in the wrong place, files that only look like pages.
    for place in ("notes.txt", "fake/server.log", "fake/notes.html", "fake/README.md", ".hidden/note.json"):
        path = tmp_path / "results" / place
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{CANARY} a patient's note")
    return tmp_path / "results"


def build_site(cli: Cli, results: Path, tmp_path: Path) -> tuple[Path, Result]:
    out = tmp_path / "site"
    result = cli("leaderboard", "build", "--results", results, "--out", out, "--tasks-dir", tmp_path / "tasks")
    assert result.code == 0, result.err
    assert CANARY not in result.out + result.err
    return out, result


def test_no_restricted_text_reaches_the_site(evaluated: Path, tmp_path: Path, cli: Cli) -> None:
    out, result = build_site(cli, evaluated, tmp_path)
    assert "from 2 runs" in result.out
    assert leaks(out) == []
    assert (out / f"tasks/{NAME}.html").is_file(), "the restricted task is on the site"
    assert [path.name for path in (out / "samples").rglob("*.html")] == ["sample-medec.html"]


def falsify(results: Path, change: Callable[[dict[str, Any]], None]) -> None:
    for path in results.rglob("run.json"):
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))


def open_tier(record: dict[str, Any]) -> None:
    for task in record["tasks"]:
        task["data"] |= {"tier": "open", "licence": "CC-BY-4.0"}


def other_store(record: dict[str, Any]) -> None:
    open_tier(record)
    record["generation"]["store"] = "../../../data/restricted/answers/fake/responses.jsonl"


@pytest.mark.parametrize("change", [open_tier, other_store])
def test_a_record_that_calls_its_restricted_data_open_is_not_believed(
    evaluated: Path, tmp_path: Path, cli: Cli, change: Callable[[dict[str, Any]], None]
) -> None:
    falsify(evaluated, change)
    out, result = build_site(cli, evaluated, tmp_path)
    assert leaks(out) == []
    assert ("not in a store beside the run" in result.err) == (change is other_store)


def test_a_restricted_answer_in_the_open_store_is_found_by_no_open_item(
    evaluated: Path, tmp_path: Path, cli: Cli
) -> None:
    """A forged item may name the key of a restricted answer; but the key is not that of its prompt."""
    (restricted,) = (path for path in evaluated.rglob("items.jsonl") if NAME in path.read_text())
    (public,) = (path for path in evaluated.rglob("items.jsonl") if NAME not in path.read_text())
    answers = gzip.decompress((tmp_path / "data/restricted/answers/fake/responses.jsonl.gz").read_bytes())
    (evaluated / "fake" / "responses.jsonl").write_bytes(answers)
    keys = [json.loads(line)["response_key"] for line in restricted.read_text().splitlines()]
    lines = public.read_text().splitlines()
    items = [json.loads(line) | {"response_key": key} for line, key in zip(lines, keys, strict=False)]
    public.write_text("".join(json.dumps(item) + "\n" for item in items))
    out, result = build_site(cli, evaluated, tmp_path)
    assert "the prompts are not those" in result.err
    assert leaks(out) == []


def test_flips_of_restricted_items_are_counts_only(tmp_path: Path, cli: Cli) -> None:
    results = write_runs(tmp_path / "results", board_run("a", 0.3), board_run("b", 0.7, seed=2))
    out = tmp_path / "site"
    assert cli("leaderboard", "build", "--results", results, "--out", out).code == 0
    (page,) = (out / "pairs").glob("official--a--b.html")
    text = page.read_text()
    assert "medec-1" in text, "an open item is named"
    assert "mednli-" not in text.replace("tasks/mednli", ""), "a restricted one is not"
