"""Restricted text stays where it may be: a full run with marked documents, and a search of all that it left behind.

Each run is a process of its own that writes down every file it opened for writing and every address it connected to.
"""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.fake_server import fake_server
from tests.support.restricted_task import CANARY, NAME, write_restricted_task

FAKE_VLLM = Path(__file__).resolve().parents[1] / "support" / "fake_vllm.py"
LOOPBACK = ("127.0.0.1", "::1")

# Runs clueplus and tells what it touched. `open` is seen with its flags, also for files made by os.open and mkstemp.
WATCHED = """
import json, os, sys
touched = {"files": [], "addresses": []}
def watch(event, args):
    if event == "open" and isinstance(args[0], str):
        writes = isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes or (isinstance(args[1], str) and set(args[1]) & set("wax+")):
            touched["files"].append(os.path.abspath(args[0]))
    elif event in ("socket.connect", "socket.sendto"):
        touched["addresses"].append(str(args[1][0] if isinstance(args[1], tuple) else args[1]))
    elif event == "os.rename":
        touched["files"].append(os.path.abspath(os.fsdecode(args[1])))
sys.addaudithook(watch)
from clueplus.cli.main import run
code = run(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    json.dump(touched, file)
sys.exit(code)
"""


class Ran(NamedTuple):
    code: int
    out: str
    err: str
    folder: Path
    files: list[Path]
    addresses: set[str]

    def leaks(self) -> list[str]:
        """Where a canary is: what was printed, and every file outside the restricted folder."""
        places = [name for name, text in (("stdout", self.out), ("stderr", self.err)) if CANARY in text]
        restricted = self.folder / "data" / "restricted"
        seen = {path for path in [*self.files, *self.folder.rglob("*")] if path.is_file()}
        for path in seen:
            if restricted not in path.parents and CANARY.encode() in path.read_bytes():
                places.append(str(path))
        return places


Run = Callable[..., Ran]


@pytest.fixture
def watched(tmp_path: Path) -> Run:
    def run(*arguments: object, environment: dict[str, str] | None = None, **documents: Any) -> Ran:
        tasks = tmp_path / "tasks"
        if not tasks.exists():
            write_restricted_task(tasks, tmp_path / "data", **documents)
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        told = tmp_path / "touched.json"
        words = ["--tasks-dir", tasks, "--tasks", NAME, "--variant", "official", *arguments]
        command = [sys.executable, "-c", WATCHED, told, *([] if "score" in arguments else ["evaluate", *words])]
        if "score" in arguments:
            command += [*arguments, "--tasks-dir", tasks]
        variables = {"CLUEPLUS_DATA_DIR": str(tmp_path / "data"), "TMPDIR": str(work), "COLUMNS": "200"}
        result = subprocess.run(
            [str(word) for word in command],
            cwd=work,
            env={**os.environ, **variables, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=120,
        )
        touched = json.loads(told.read_text())
        files = [Path(path) for path in touched["files"]]
        # The task's module and lm-eval's caches are compiled code and no text; they are searched like everything else.
        return Ran(result.returncode, result.stdout, result.stderr, tmp_path, files, set(touched["addresses"]))

    return run


def echo(payload: Any, number: int) -> str:
    """The worst model: it answers with the note."""
    return str(payload["messages"][-1]["content"])


def test_a_full_run_leaves_restricted_text_in_the_restricted_folder_only(watched: Run) -> None:
    with fake_server(echo, vllm=True) as server:
        ran = watched("--model", "fake", "--base-url", server.base_url)
        assert len(server.requests) == 40
        assert CANARY in json.dumps(server.requests), "the canaries were really asked"
        again = watched("score", next((ran.folder / "work" / "results" / "fake").glob("2*")))
        parity = watched("score", next((ran.folder / "work" / "results" / "fake").glob("2*")), "--scoring", "clue-2024")
    assert (ran.code, again.code, parity.code) == (0, 0, 0), ran.err + again.err + parity.err
    assert len(list((ran.folder / "work" / "results" / "fake").glob("2*-clue-2024/run.json"))) == 1
    assert ran.leaks() == again.leaks() == parity.leaks() == []
    assert ran.addresses <= set(LOOPBACK)
    stores = [path for path in (ran.folder / "data" / "restricted").rglob("*") if "answers" in path.parts]
    kept = [path for path in stores if path.is_file()]
    assert kept, "the answers are kept"
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert stat.S_IMODE(kept[0].parent.stat().st_mode) == 0o700
    assert any("results" in path.parts for path in ran.files), "the record is outside, so the search saw it"


@pytest.mark.parametrize(
    ("reply", "debug"),
    [
        (lambda payload, number: (400, {"error": {"message": f"bad input: {payload}"}}), "1"),
        (lambda payload, number: (500, {"error": {"message": f"crashed on: {payload}"}}), ""),
        (lambda payload, number: (200, f"<html>{payload}</html>"), "1"),
        (lambda payload, number: (200, {"choices": [], "input": payload}), ""),
        (lambda payload, number: (413, {"error": f"too long: {payload}"}), ""),
    ],
    ids=["400", "500", "html", "no-choice", "413"],
)
def test_a_server_that_quotes_the_prompt_is_not_repeated(watched: Run, reply: Any, debug: str) -> None:
    with fake_server(reply) as server:
        environment = {"CLUEPLUS_DEBUG": debug}
        more = ("--attempts", 1, "--concurrency", 4)
        ran = watched("--model", "fake", "--base-url", server.base_url, *more, environment=environment)
    assert ran.code == 2
    assert "error: " in ran.err
    assert ran.leaks() == []


def test_an_answer_that_cannot_be_scored_is_counted_and_not_shown(watched: Run) -> None:
    with fake_server(echo) as server:
        more = ("--limit", 40, "--json")
        environment = {"CLUEPLUS_DEBUG": "1"}
        ran = watched("--model", "fake", "--base-url", server.base_url, *more, environment=environment, explode=7)
    assert ran.code == 2
    assert "scoring failed: ValueError" in ran.err
    assert ran.leaks() == []


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_fault_of_our_own_shows_no_text_even_when_debugging(watched: Run, debug: str) -> None:
    with fake_server(echo) as server:
        environment = {"CLUEPLUS_DEBUG": debug}
        ran = watched("--model", "fake", "--base-url", server.base_url, environment=environment, planbreak=11)
    assert ran.code == 1
    assert "UndefinedError" in ran.err
    assert ("is withheld" in ran.err) == bool(debug)
    assert ran.leaks() == []


def test_a_host_that_nobody_attested_gets_nothing(watched: Run) -> None:
    ran = watched("--model", "fake", "--base-url", "http://192.0.2.1:8000/v1")
    assert ran.code == 2
    assert "192.0.2.1 is not this machine, and secret_notes is restricted" in ran.err
    assert ran.addresses == set()
    assert ran.leaks() == []


def test_one_foreign_host_among_several_is_enough_to_refuse(watched: Run) -> None:
    with fake_server(echo) as server:
        ran = watched("--model", "fake", "--base-url", server.base_url, "--base-url", "http://192.0.2.1/v1")
        assert (ran.code, server.requests) == (2, [])
    assert ran.addresses == set()


def test_an_attested_host_is_recorded_with_who_and_which_agreement(watched: Run, tmp_path: Path) -> None:
    attest = tmp_path / "data-use.yaml"
    attest.write_text("who: Dr A. Example\nagreement: DUA 7\nhosts: [127.0.0.1]\n")
    with fake_server(echo) as server:
        ran = watched("--model", "fake", "--base-url", server.base_url, "--attest", attest, "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)["generation"]["data_use"]
    assert (found["who"], found["agreement"], found["hosts"]) == ("Dr A. Example", "DUA 7", ["127.0.0.1"])
    assert "Dr A. Example attests under DUA 7" in ran.err


@pytest.mark.parametrize("die", ["die-always", "die-at-start"])
def test_an_engine_that_dies_with_a_note_in_its_log_is_not_quoted(watched: Run, tmp_path: Path, die: str) -> None:
    fake = tmp_path / "data" / "restricted" / "fake-vllm"
    fake.mkdir(parents=True)
    (fake / die).write_text("4")
    (fake / "print-prompts").touch()
    checkpoint = tmp_path / "my-checkpoint"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    command = ("--vllm-command", f"{sys.executable} {FAKE_VLLM}", "--attempts", 2, "--concurrency", 2)
    ran = watched("--model", checkpoint, *command, environment={"FAKE_VLLM": str(fake)})
    assert ran.code == 2
    assert "server.log" in ran.err
    assert ran.leaks() == []
    (log,) = (tmp_path / "data" / "restricted").rglob("server.log")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    if die == "die-always":
        assert CANARY in log.read_text(), "the log did hold a note, and nothing repeated it"


def test_a_broken_store_is_named_and_not_quoted(watched: Run) -> None:
    with fake_server(lambda payload, number: echo(payload, number) if number < 30 else (400, {})) as server:
        call = ("--model", "fake", "--base-url", server.base_url, "--attempts", 1)
        assert watched(*call).code == 2
        (store,) = (watched(*call).folder / "data" / "restricted").rglob("responses.jsonl")
        lines = store.read_text().splitlines()
        store.write_text("\n".join([lines[0], lines[1].replace("answer", "other"), *lines[2:]]) + "\n")
        ran = watched(*call)
    assert ran.code == 2
    assert "line 2 is corrupt" in ran.err
    assert ran.leaks() == []


def test_prompts_that_are_cut_or_refused_are_counted_and_not_shown(watched: Run) -> None:
    with fake_server(echo, vllm=True, max_model_len=110) as server:
        ran = watched("--model", "fake", "--base-url", server.base_url, words=60)
    assert ran.code == 0, ran.err
    assert "40 of 40 prompts are cut in the middle" in ran.err
    assert ran.leaks() == []
