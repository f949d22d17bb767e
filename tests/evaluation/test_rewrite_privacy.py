"""No text of a restricted report leaves the restricted folder when a model makes documents of it."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.test_privacy import FAKE_VLLM, LOOPBACK, WATCHED, Ran
from tests.evaluation.test_rewrite import REWRITE
from tests.support.fake_server import fake_server
from tests.support.restricted_task import NAME, write_restricted_task
from tests.support.rewriting import CANARY, echo, reports_file, rewriting_model

Run = Callable[..., Ran]


@pytest.fixture
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's own file, apart from everything that clueplus writes."""
    return reports_file(tmp_path_factory.mktemp("held"))


@pytest.fixture
def watched(tmp_path: Path) -> Run:
    def run(*arguments: object, environment: dict[str, str] | None = None) -> Ran:
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        told = tmp_path / "touched.json"
        variables = {"CLUEPLUS_DATA_DIR": str(tmp_path / "data"), "TMPDIR": str(work), "COLUMNS": "200"}
        result = subprocess.run(
            [sys.executable, "-c", WATCHED, str(told), *map(str, arguments)],
            cwd=work,
            env={**os.environ, **variables, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=120,
        )
        touched = json.loads(told.read_text())
        files = [Path(path) for path in touched["files"]]
        return Ran(result.returncode, result.stdout, result.stderr, tmp_path, files, set(touched["addresses"]))

    return run


def leaks(ran: Ran) -> list[str]:
    """Where a canary of the reports is, beside the restricted folder."""
    places = [name for name, text in (("stdout", ran.out), ("stderr", ran.err)) if CANARY in text]
    restricted = ran.folder / "data" / "restricted"
    for path in {path for path in [*ran.files, *ran.folder.rglob("*")] if path.is_file()}:
        if restricted not in path.parents and CANARY.encode() in path.read_bytes():
            places.append(str(path))
    return places


@pytest.mark.parametrize("variant", ["open", "official"])
def test_reports_their_pairs_and_the_answers_stay_in_the_restricted_folder(
    watched: Run, reports: Path, variant: str
) -> None:
    with fake_server(rewriting_model, vllm=True) as server:
        to = ("--model", "fake", "--base-url", server.base_url)
        ran = watched("data", "rewrite", "rrs_qa", reports, "--variant", variant, *to)
        assert CANARY in json.dumps(server.requests), "the canaries were really asked"
        as_json = watched("data", "rewrite", "rrs_qa", reports, "--variant", variant, *to, "--json")
        assert len(server.requests) == 30, "the second call found every answer"
    assert (ran.code, as_json.code) == (0, 0), ran.err + as_json.err
    assert leaks(ran) == leaks(as_json) == []
    assert ran.addresses <= set(LOOPBACK)
    folder = ran.folder / "data" / "restricted"
    documents, report = (folder / "rrs_qa" / f"{variant}.{end}" for end in ("jsonl", "report.json"))
    assert CANARY in documents.read_text()
    assert CANARY not in report.read_text()
    assert CANARY not in documents.with_suffix(".manifest.json").read_text()
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert any("answers" in path.parts for path in kept)


def test_a_model_that_repeats_the_report_is_not_repeated(watched: Run, reports: Path) -> None:
    with fake_server(echo) as server:
        environment = {"CLUEPLUS_DEBUG": "1"}
        to = ("--model", "fake", "--base-url", server.base_url)
        ran = watched("data", "rewrite", "rrs_qa", reports, *to, environment=environment)
    assert ran.code == 2
    assert "0 documents were kept" in ran.err
    assert leaks(ran) == []


def report_in(payload: Any) -> str:
    """The end of a prompt, where the report is: what a server quotes is cut after some words."""
    return echo(payload)[-80:]


@pytest.mark.parametrize(
    "reply",
    [
        lambda payload, number: (400, {"error": {"message": f"bad input: {report_in(payload)}"}}),
        lambda payload, number: (500, {"error": {"message": f"crashed on: {report_in(payload)}"}}),
        lambda payload, number: (200, f"<html>{report_in(payload)}</html>"),
    ],
    ids=["400", "500", "html"],
)
def test_a_server_that_quotes_the_report_is_not_repeated(watched: Run, reports: Path, reply: Any) -> None:
    with fake_server(reply) as server:
        to = ("--model", "fake", "--base-url", server.base_url, "--attempts", 1)
        ran = watched("data", "rewrite", "rrs_qa", reports, *to)
        assert CANARY in report_in(server.requests[0])
    assert ran.code == 2
    assert "30 of 30 requests got no answer" in ran.err
    assert leaks(ran) == []


@pytest.mark.parametrize("variant", ["open", "official"])
def test_a_host_that_nobody_attested_gets_nothing(watched: Run, reports: Path, variant: str) -> None:
    with fake_server(rewriting_model) as server:
        urls = ("--base-url", server.base_url, "--base-url", "http://192.0.2.1:8000/v1")
        ran = watched("data", "rewrite", "rrs_qa", reports, "--variant", variant, "--model", "fake", *urls)
        assert server.requests == []
    assert ran.code == 2
    assert "192.0.2.1 is not this machine, and rrs_qa is restricted" in ran.err
    assert ran.addresses == set()
    assert leaks(ran) == []


def test_an_attested_host_is_reported_with_who_and_which_agreement(watched: Run, reports: Path, tmp_path: Path) -> None:
    attest = tmp_path / "data-use.yaml"
    attest.write_text("who: Dr A. Example\nagreement: DUA 7\nhosts: [127.0.0.1]\n")
    with fake_server(rewriting_model) as server:
        to = ("--model", "fake", "--base-url", server.base_url, "--attest", attest)
        ran = watched("data", "rewrite", "rrs_qa", reports, *to, "--json")
    report = json.loads(ran.out)
    assert (report["data_use"]["who"], report["data_use"]["hosts"]) == ("Dr A. Example", ["127.0.0.1"])
    assert report["hosts"] == [server.base_url.split("/")[2]]
    assert "Dr A. Example attests under DUA 7" in ran.err


def test_an_engine_that_dies_with_a_report_in_its_log_is_not_quoted(
    watched: Run, reports: Path, tmp_path: Path
) -> None:
    fake = tmp_path / "data" / "restricted" / "fake-vllm"
    fake.mkdir(parents=True)
    (fake / "die-always").write_text("4")
    (fake / "print-prompts").touch()
    checkpoint = tmp_path / "my-checkpoint"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    command = ("--vllm-command", f"{sys.executable} {FAKE_VLLM}", "--attempts", 2, "--concurrency", 2)
    ran = watched(
        "data", "rewrite", "rrs_qa", reports, "--model", checkpoint, *command, environment={"FAKE_VLLM": str(fake)}
    )
    assert ran.code == 2
    assert leaks(ran) == []
    (log,) = (tmp_path / "data" / "restricted").rglob("server.log")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert CANARY in log.read_text(), "the log did hold a report, and nothing repeated it"


def test_documents_of_another_shape_are_told_by_row_and_not_by_text(watched: Run, reports: Path) -> None:
    rows = [{**row, "study_id": "same"} for row in json.loads(reports.read_text())]
    reports.write_text(json.dumps([*rows, {"findings": CANARY}]))
    with fake_server(rewriting_model) as server:
        ran = watched("data", "rewrite", "rrs_qa", reports, "--model", "fake", "--base-url", server.base_url)
    assert ran.code == 2
    assert "too few for a test and a few-shot pool" in ran.err
    assert leaks(ran) == []


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_fault_of_a_task_s_own_code_shows_no_text_even_when_debugging(
    watched: Run, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, debug: str
) -> None:
    notes = tmp_path_factory.mktemp("held") / "notes.txt"
    notes.write_text(f"{CANARY} one\n{CANARY} two\n")
    tasks = write_restricted_task(tmp_path / "tasks", tmp_path / "data")
    broken = REWRITE.partition("def split")[0] + "def split(documents):\n    raise ValueError(str(documents))\n"
    (tasks / NAME / "rewrite.py").write_text(broken)
    with fake_server(echo) as server:
        to = ("--tasks-dir", tasks, "--model", "fake", "--base-url", server.base_url)
        ran = watched("data", "rewrite", NAME, notes, *to, environment={"CLUEPLUS_DEBUG": debug})
    assert ran.code == 1
    assert "clueplus failed with ValueError" in ran.err
    assert ("is withheld" in ran.err) == bool(debug)
    assert leaks(ran) == []
