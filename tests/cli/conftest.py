"""The command line, run in this process."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from clueplus.cli.main import run


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that begins with "error:"; there must be exactly one, and no traceback."""
        assert "Traceback" not in self.err
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        return lines[0]


Cli = Callable[..., Result]


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """A shell's background job starts with Ctrl-C ignored, and so would its children; here it counts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Runs `clueplus ARGUMENTS` in an empty folder, without any data, mirror or metric model of this machine."""
    for name in ("CLUEPLUS_DATA_MIRROR", "CLUEPLUS_BERTSCORE_MODEL", "CLUEPLUS_VARIANT", "CLUEPLUS_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path / "no-data"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Result:
        words = [str(argument) for argument in arguments]
        monkeypatch.setattr(sys, "argv", ["clueplus", *words])
        capsys.readouterr()
        code = run(words)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return call
