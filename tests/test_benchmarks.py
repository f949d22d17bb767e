"""Benchmarks measure by hand; here each script runs small, so that none of them rots."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SMALL = {
    "rouge.py": ["--pairs", "4", "--words", "60", "--peer-pairs", "4", "--json"],
    "spans.py": ["--notes", "20", "--peer-notes", "10", "--json"],
    "start_up.py": ["--runs", "1", "--json"],
    "text_metrics.py": ["--pairs", "4", "--words", "8", "--texts", "4", "--terms", "50", "--json"],
}


def test_every_benchmark_is_run_here() -> None:
    assert {path.name for path in (ROOT / "benchmarks").glob("*.py")} == set(SMALL)


@pytest.mark.parametrize("script", sorted(SMALL))
def test_a_benchmark_runs_and_reports_json(script: str) -> None:
    result = subprocess.run(
        [sys.executable, f"benchmarks/{script}", *SMALL[script]], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert json.loads(result.stdout)
