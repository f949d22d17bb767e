"""A budget of imported modules: start-up stays fast because little is imported; seconds are measured in benchmarks/."""

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "datasets",
    "pandas",
    "transformers",
    "lm_eval",
    "numpy",
    "scipy",
    "sklearn",
    "aiohttp",
    "requests",
    "pooch",
    "openpyxl",
    "nltk",
    "rapidfuzz",
    "jinja2",
}


def imported(code: str) -> set[str]:
    script = f"import sys; before = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


def command(*words: str) -> str:
    return f"""
import io, contextlib
from clueplus.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    assert run({list(words)!r}) == 0"""


@pytest.mark.parametrize(
    ("code", "most"),
    [
        ("import clueplus", 2),
        (command("--help"), 260),
        (command("tasks", "list"), 520),
        (command("models", "list"), 520),
    ],
)
def test_start_up_imports_little(code: str, most: int) -> None:
    modules = imported(code)
    assert not {name.partition(".")[0] for name in modules} & HEAVY
    assert len(modules) <= most, f"{len(modules)} modules"


def test_help_needs_neither_pydantic_nor_yaml() -> None:
    assert not {name.partition(".")[0] for name in imported(command("--help"))} & {"pydantic", "yaml", "rich"}
