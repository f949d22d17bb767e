"""`evaluate` and `serve` with a server that they start themselves; the command is a stand-in for vLLM."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

Cli = Any
FAKE = Path(__file__).resolve().parents[1] / "support" / "fake_vllm.py"


@pytest.fixture
def fake_vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "fake-vllm"
    folder.mkdir()
    monkeypatch.setenv("FAKE_VLLM", str(folder))
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "my-checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def command(model: object, *more: object) -> list[object]:
    return ["evaluate", "--model", model, "--variant", "sample", "--tasks", "medec", "--vllm-command",
            f"{sys.executable} {FAKE}", "--attempts", 2, *more]  # fmt: skip


def starts(fake_vllm: Path) -> list[list[str]]:
    return [json.loads(line) for line in (fake_vllm / "started").read_text().splitlines()]


def alive(fake_vllm: Path) -> bool:
    """Whether any process of the stand-in is left."""
    marker = f"FAKE_VLLM={fake_vllm}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (entry / "environ").read_bytes() and b"fake_vllm" in (entry / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


def test_a_checkpoint_folder_is_served_for_the_time_of_the_run(cli: Cli, fake_vllm: Path, checkpoint: Path) -> None:
    result = cli(*command(checkpoint, "--json", "--engine-args", "--max-model-len 4096 --dtype 'float32'"))
    assert result.code == 0
    record = json.loads(result.out)
    assert record["model"]["name"] == "my-checkpoint"
    assert record["tasks"][0]["outcomes"]["scored"] == 15
    assert record["model"]["identity"]["medec"]["served"][0]["weights"], "known by content, not by path"
    assert str(checkpoint) not in json.dumps(record["model"])
    (started,) = starts(fake_vllm)
    assert started[:2] == ["serve", str(checkpoint)]
    assert started[started.index("--host") + 1] == "127.0.0.1"
    assert started[-4:] == ["--max-model-len", "4096", "--dtype", "float32"]
    assert not alive(fake_vllm)


def test_the_flags_of_a_models_file_travel(cli: Cli, fake_vllm: Path) -> None:
    assert cli(*command("phi-3.5-mini-instruct")).code == 0
    (started,) = starts(fake_vllm)
    assert started[1] == "microsoft/Phi-3.5-mini-instruct"
    assert started[started.index("--served-model-name") + 1] == "phi-3.5-mini-instruct"
    assert "--dtype" in started


def test_a_server_that_dies_is_restarted_once_from_the_store(cli: Cli, fake_vllm: Path, checkpoint: Path) -> None:
    (fake_vllm / "die-after").write_text("6")
    result = cli(*command(checkpoint, "--json", "--concurrency", 1))
    assert result.code == 0
    assert "starting it once more" in result.err
    assert len(starts(fake_vllm)) == 2
    record = json.loads(result.out)
    assert (record["generation"]["reused"], record["generation"]["generated"]) == (0, 15), "nothing is asked twice"
    assert not alive(fake_vllm)


def test_a_second_death_ends_the_run_and_keeps_the_answers(cli: Cli, fake_vllm: Path, checkpoint: Path) -> None:
    (fake_vllm / "die-always").write_text("4")
    result = cli(*command(checkpoint, "--concurrency", 1))
    assert result.code == 2
    assert "the server died twice" in result.error
    assert "8 of 15 answers are stored" in result.error
    assert len(starts(fake_vllm)) == 2
    assert not alive(fake_vllm)


def test_a_server_that_never_comes_up_is_told_with_its_last_words(cli: Cli, fake_vllm: Path, checkpoint: Path) -> None:
    (fake_vllm / "die-at-start").touch()
    result = cli(*command(checkpoint))
    assert result.code == 2
    assert "CUDA out of memory" in result.error
    assert "server.log" in result.error


def test_a_server_that_is_never_healthy_is_stopped(
    cli: Cli, fake_vllm: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clueplus.models.server import Server

    (fake_vllm / "never-healthy").touch()
    monkeypatch.setitem(Server.__init__.__kwdefaults__, "start_seconds", 3.0)
    result = cli(*command(checkpoint))
    assert result.code == 2
    assert "not healthy after 3 s" in result.error
    assert not alive(fake_vllm)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("evaluate", "--model", "org/model", "--variant", "sample", "--vllm-command", "no-such-vllm"), "no command"),
        (("evaluate", "--model", "no-config", "--variant", "sample"), "no config.json"),
        (("evaluate", "--model", "org/model", "--variant", "sample", "--engine-args", "'open"), "--engine-args"),
        (("serve", "nothing-known"), "unknown model"),
        (("serve", "baseline:majority"), "needs no server"),
        (("serve", "org/model", "--vllm-command", "no-such-vllm"), "no command"),
    ],
)
def test_a_mistake_is_one_line_with_the_fix(cli: Cli, arguments: tuple[str, ...], told: str) -> None:
    Path("no-config").mkdir()
    result = cli(*arguments)
    assert result.code == 2
    assert told in result.error
    assert "Fix: " in result.error


@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_server_does_not_outlive_the_command(
    fake_vllm: Path, checkpoint: Path, tmp_path: Path, wish: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "clueplus", "serve", str(checkpoint), "--vllm-command", f"{sys.executable} {FAKE}"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ},
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("clueplus evaluate --model my-checkpoint --base-url http://127.0.0.1:")
    assert alive(fake_vllm)
    process.send_signal(wish)
    code = process.wait(30)
    process.stdout.close()
    assert code == {signal.SIGINT: 130, signal.SIGTERM: 130, signal.SIGKILL: -9}[wish]
    deadline = time.monotonic() + 10
    while alive(fake_vllm) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(fake_vllm)


def test_replicas_share_the_work_and_one_that_dies_comes_back(cli: Cli, fake_vllm: Path, checkpoint: Path) -> None:
    (fake_vllm / "die-after").write_text("3")
    (fake_vllm / "until-started").write_text("3")
    result = cli(*command(checkpoint, "--json", "--concurrency", 2, "--replicas", 2))
    assert result.code == 0
    begun = starts(fake_vllm)
    assert len(begun) == 3, "two replicas, and one of them once more"
    assert len({words[words.index("--port") + 1] for words in begun}) == 3
    record = json.loads(result.out)
    assert record["generation"]["generated"] == 15
    assert len(record["model"]["hosts"]) == 2
    assert sorted(path.name for path in Path("results/my-checkpoint").glob("*.log")) == ["server-1.log", "server-2.log"]
    assert not alive(fake_vllm)


def test_a_port_that_is_taken_is_told(cli: Cli, fake_vllm: Path, checkpoint: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = cli("serve", checkpoint, "--port", port, "--vllm-command", f"{sys.executable} {FAKE}")
    assert result.code == 2
    assert f"port {port} is taken" in result.error
    assert not alive(fake_vllm)


def test_the_servers_log_is_its_owners_alone(cli: Cli, fake_vllm: Path, checkpoint: Path) -> None:
    assert cli(*command(checkpoint)).code == 0
    log = Path("results/my-checkpoint/server.log")
    assert log.read_text().startswith("loading")
    assert log.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_takes_its_server_along_and_goes_on_later(
    cli: Cli, fake_vllm: Path, checkpoint: Path, tmp_path: Path, wish: signal.Signals
) -> None:
    (fake_vllm / "latency").write_text("0.1")
    words = [str(word) for word in command(checkpoint, "--concurrency", 2, "--json")]
    process = subprocess.Popen(
        [sys.executable, "-m", "clueplus", *words], cwd=tmp_path, env={**os.environ}, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    store = tmp_path / "results" / "my-checkpoint" / "responses.jsonl"
    deadline = time.monotonic() + 60
    while not (store.exists() and store.read_bytes().count(b"\n") >= 3):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(wish)
    _, err = process.communicate(timeout=30)
    assert process.returncode == (-9 if wish == signal.SIGKILL else 130)
    if wish != signal.SIGKILL:
        assert "goes on from there" in err
        assert "Traceback" not in err
    deadline = time.monotonic() + 10
    while alive(fake_vllm) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(fake_vllm)
    kept = store.read_bytes().count(b"\n")
    (fake_vllm / "latency").unlink()
    record = json.loads(cli(*words).out)
    assert record["generation"]["reused"] == kept >= 3
    assert record["generation"]["generated"] == 15 - kept


def test_two_runs_on_one_store_are_refused(cli: Cli, fake_vllm: Path, checkpoint: Path) -> None:
    from clueplus.evaluation.store import ResponseStore

    with ResponseStore(Path("results/my-checkpoint/responses.jsonl")).writing():
        result = cli(*command(checkpoint))
    assert result.code == 2
    assert "another run is writing" in result.error
    assert not alive(fake_vllm)
