import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.boards import board_run, write_runs

Cli = Any


@pytest.fixture
def results(tmp_path: Path) -> Path:
    runs = [board_run(name, skill, tasks=["medec"], seed=k) for k, (name, skill) in enumerate([("a", 0.3), ("b", 0.7)])]
    return write_runs(tmp_path / "results", *runs)


def test_a_newcomer_gets_a_site_from_a_baseline_with_the_answers(cli: Cli, tmp_path: Path) -> None:
    assert cli("evaluate", "--model", "baseline", "--tasks", "medec,icd10cm").code == 0
    result = cli("leaderboard", "build")
    assert result.code == 0, result.err
    assert "pages from 1 runs: site/index.html" in result.out
    index = (tmp_path / "site/index.html").read_text()
    assert "baseline:" in index
    (page,) = (tmp_path / "site/samples").rglob("sample-medec.html")
    assert "giant cell arteritis" in page.read_text().lower()


def test_a_bad_record_is_named_left_out_and_makes_the_exit_code_one(cli: Cli, results: Path) -> None:
    next((results / "model-1").rglob("run.json")).write_text("{}")
    result = cli("leaderboard", "build", "--results", results, "--out", "out")
    assert result.code == 1
    assert result.err.startswith("left out: model-1/20260101T000000Z: ")
    assert Path("out/models/a.html").is_file()
    assert not Path("out/models/b.html").exists()


def test_json_tells_what_was_built(cli: Cli, results: Path) -> None:
    next((results / "model-1").rglob("run.json")).write_text("{}")
    result = cli("leaderboard", "build", "--results", results, "--json")
    told = json.loads(result.out)
    assert (told["out"], told["runs"]) == ("site", 1)
    assert ["stored answers are not here" in note for note in told["notes"]] == [True]
    assert [each["place"] for each in told["left_out"]] == ["model-1/20260101T000000Z"]
    assert told["pages"] == len(list(Path("site").rglob("*.html")))


def test_answers_that_can_not_be_shown_are_a_note(cli: Cli) -> None:
    assert cli("evaluate", "--model", "baseline", "--tasks", "medec").code == 0
    for store in Path("results").rglob("responses.jsonl*"):
        store.unlink()
    result = cli("leaderboard", "build")
    assert result.code == 0
    assert "answers are not shown: the stored answers are not here" in result.err
    assert not Path("site/samples").exists()


def test_no_samples_reads_no_answers(cli: Cli) -> None:
    assert cli("evaluate", "--model", "baseline", "--tasks", "medec").code == 0
    assert cli("leaderboard", "build", "--no-samples").code == 0
    assert not Path("site/samples").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--results", "nowhere"], "--results nowhere: no such folder"),
        (["--out", "results"], "holds something else than a site"),
        (["--history", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--prices", "nowhere.yaml"], "nowhere.yaml"),
        (["--tasks-dir", "nowhere"], "nowhere"),
        (["--rezults", "x"], "--rezults"),
    ],
)
def test_a_users_mistake_is_one_line(cli: Cli, results: Path, arguments: list[str], words: str) -> None:
    result = cli("leaderboard", "build", *arguments)
    assert result.code == 2
    assert words in result.error
    assert not Path("site").exists()


def test_a_misspelt_price_file_names_the_line(cli: Cli, results: Path, tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text("currency: EUR\nmodels:\n  a: {prompt: 1, answer: 2}\n")
    result = cli("leaderboard", "build", "--prices", "prices.yaml")
    assert result.code == 2
    assert "prices.yaml:3" in result.error


@pytest.mark.parametrize("command", ["build", "serve"])
def test_help_has_examples(cli: Cli, command: str) -> None:
    assert f"clueplus leaderboard {command} --" in cli("leaderboard", command, "--help").out


def test_serve_ends_with_ctrl_c(cli: Cli, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", interrupted)
    result = cli("leaderboard", "serve", "--results", results, "--port", 0)
    assert result.code == 0
    assert "http://127.0.0.1:" in result.out
    assert not Path("site").exists()
