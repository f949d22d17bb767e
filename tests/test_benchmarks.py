"""Benchmarks measure by hand; here each script runs small, so that none of them rots."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.vllm_server import vllm_missing

ROOT = Path(__file__).resolve().parents[1]
SMALL = {
    "client.py": ["--requests", "60", "--concurrency", "8", "--latency", "0.01", "--runs", "1", "--json"],
    "long_prompts.py": ["--prompts", "30", "--tokens", "500", "--json"],
    "merging.py": [
        *("--layers", "1", "--hidden", "48", "--vocabulary", "90", "--experts", "2"),
        *("--methods", "linear,ties", "--no-peer", "--json"),
    ],
    "rouge.py": ["--pairs", "4", "--words", "60", "--peer-pairs", "4", "--json"],
    "spans.py": ["--notes", "20", "--peer-notes", "10", "--json"],
    "start_up.py": ["--runs", "1", "--json"],
    "text_metrics.py": ["--pairs", "4", "--words", "8", "--texts", "4", "--terms", "50", "--json"],
}
WITH_A_SERVER = {"real_server.py": ["--limit", "2", "--variant", "sample", "--runs", "1", "--json"]}


def test_every_benchmark_is_run_here() -> None:
    assert {path.name for path in (ROOT / "benchmarks").glob("*.py")} == {*SMALL, *WITH_A_SERVER}


@pytest.mark.e2e
@pytest.mark.parametrize("script", sorted(WITH_A_SERVER))
def test_a_benchmark_with_a_real_server_runs(script: str) -> None:
    missing = vllm_missing()
    if missing and not os.environ.get("CLUEPLUS_REQUIRE_VLLM"):
        pytest.skip(missing)
    run_and_read(script, WITH_A_SERVER[script])


@pytest.mark.parametrize("script", sorted(SMALL))
def test_a_benchmark_runs_and_reports_json(script: str) -> None:
    run_and_read(script, SMALL[script])


def run_and_read(script: str, arguments: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, f"benchmarks/{script}", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=500
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert json.loads(result.stdout)
