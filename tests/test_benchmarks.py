"""Benchmarks measure by hand; here each script runs small, so that none of them rots."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.vllm_server import vllm_missing

ROOT = Path(__file__).resolve().parents[1]
SMALL = {
    "decontamination.py": ["--documents", "50", "--words", "50", "--json"],
    "gate_calibration.py": ["--pairs", "2", "--power-pairs", "1", "--json"],
    "gate_speed.py": ["--tasks", "2", "--items", "40", "--runs", "1", "--json"],
    "bootstrap.py": ["--tasks", "2", "--items", "60", "--resamples", "100", "--peer-resamples", "20", "--json"],
    "client.py": ["--requests", "60", "--concurrency", "8", "--latency", "0.01", "--runs", "1", "--json"],
    "leaderboard.py": ["--small", "2", "--large", "3", "--items", "5", "--samples", "50", "--json"],
    "long_prompts.py": ["--prompts", "30", "--tokens", "500", "--json"],
    "merging.py": [
        *("--layers", "1", "--hidden", "48", "--vocabulary", "90", "--experts", "2"),
        *("--methods", "linear,ties", "--no-peer", "--json"),
    ],
    "metric_parity.py": [
        *("--pairs", "4", "--words", "60", "--notes", "10", "--many", "20", "--terms", "50", "--json"),
    ],
    "synthesis.py": ["--rows", "30", "--concurrency", "8", "--latency", "0.01", "--runs", "1", "--judge", "--json"],
    "start_up.py": ["--runs", "1", "--json"],
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


@pytest.mark.parametrize("script", sorted(SMALL.keys() - {"metric_parity.py"}))
def test_a_benchmark_runs_and_reports_json(script: str) -> None:
    run_and_read(script, SMALL[script])


def run_and_read(script: str, arguments: list[str]) -> Any:
    result = subprocess.run(
        [sys.executable, f"benchmarks/{script}", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=500
    )
    assert result.returncode == 0, result.stderr[-2000:]
    found = json.loads(result.stdout)
    assert found
    return found


@pytest.fixture(scope="module")
def parity() -> Iterator[ModuleType]:
    """The benchmark as a module: it finds its parts beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("metric_parity")


def comparison(parity: ModuleType, metric: str, peer: str, difference: float) -> Any:
    return parity.Comparison(metric, peer, "2 notes", difference, 1e-9, 0.1, 0.25)


def test_the_page_of_metrics_has_a_row_for_each_and_states_no_less_than_is_measured(parity: ModuleType) -> None:
    found = run_and_read("metric_parity.py", SMALL["metric_parity.py"])
    measured = [parity.Comparison(*list(row.values())[:7]) for row in found["comparisons"]]
    assert {row.peer for row in measured} == {
        *("rouge-score", "bert-score", "nervaluate", "seqeval", "eval4ner", "scikit-learn"),
    }
    assert all(row.difference <= row.tolerance for row in measured)
    page = parity.PAGE.read_text(encoding="utf-8")
    assert parity.stale(page, measured) == []
    assert len(found["throughput"]) == 5
    assert all(f"| {row['what'].partition(' (')[0].partition(' by')[0]}" in page for row in found["throughput"])


def test_a_page_is_stale_when_a_row_is_missing_or_too_many_or_states_too_little(parity: ModuleType) -> None:
    rows = [comparison(parity, "a: b", "seqeval", 3e-7), comparison(parity, "c", "seqeval", 0.0)]
    page = f"{parity.BEGIN}\n{parity.tables(rows, [])}\n{parity.END}\n"
    assert parity.stated(page) == {("a: b", "seqeval"): 1e-6, ("c", "seqeval"): 0.0}
    assert parity.stale(page, rows) == []
    assert parity.stale(page, [rows[0], rows[1]._replace(difference=9e-13)]) == [], "the last bits of another processor"
    assert parity.stale(page, [rows[0], rows[1]._replace(difference=2e-12)]) == ["c (seqeval): 2e-12, the page says 0"]
    assert parity.stale(page, [rows[0]._replace(difference=2e-6), rows[1]]) == [
        "a: b (seqeval): 2e-06, the page says 1e-06"
    ]
    assert parity.stale(page, rows[:1]) == ["in the page only: c (seqeval)"]
    assert parity.stale(page, [*rows, comparison(parity, "d", "seqeval", 0.0)]) == ["not in the page: d (seqeval)"]
    for lost in (page.replace(parity.BEGIN, ""), f"{parity.BEGIN}\n{parity.END}\n{page.replace(parity.BEGIN, '')}"):
        assert parity.stale(lost, rows[:1]) == ["not in the page: a: b (seqeval)"], "what stands elsewhere is not ours"


@pytest.mark.parametrize(
    ("difference", "told"),
    [(0.0, "0"), (1e-16, "< 1e-12"), (9e-13, "< 1e-12"), (2e-12, "< 1e-11"), (1e-6, "< 1e-5"), (9.9e-7, "< 1e-6")],
)
def test_a_difference_is_told_by_the_power_of_ten_above_it(parity: ModuleType, difference: float, told: str) -> None:
    assert parity.bound(difference) == told


def test_only_what_stands_between_the_marks_is_made_anew(parity: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{parity.BEGIN}\nold\n{parity.END}\nafter\n")
    parity.write(page, "new")
    assert page.read_text() == f"before\n{parity.BEGIN}\nnew\n{parity.END}\nafter\n"
    page.write_text("no marks\n")
    with pytest.raises(SystemExit, match="no marks"):
        parity.write(page, "new")
    assert page.read_text() == "no marks\n"
