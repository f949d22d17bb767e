from pathlib import Path
from typing import Any

import pytest

from clueplus.comparison.comparison import compare
from clueplus.leaderboard.build import Options, build
from clueplus.leaderboard.pairs import MOST_PAIRS, assembled, choose_pairs
from clueplus.leaderboard.runs import collect
from clueplus.leaderboard.site import Table, make_site
from clueplus.records.published import read_published
from clueplus.records.run import Run
from clueplus.registry import Catalog
from tests.support.boards import board_run, write_runs

OPEN = Catalog().groups["clueplus_open"].task


def official(tmp_path: Path, *runs: Run) -> Table:
    found, rejected = collect(write_runs(tmp_path, *runs))
    assert rejected == []
    return make_site(found, Catalog(), read_published()).tables[0]


def test_a_small_board_has_every_pair_with_the_better_row_as_candidate(tmp_path: Path) -> None:
    table = official(tmp_path, *(board_run(f"m{k}", 0.2 * k + 0.1, items=12, seed=k) for k in range(4)))
    pairs = [(pair.candidate.name, pair.baseline.name) for pair in choose_pairs(table)]
    assert pairs == [("m3", "m2"), ("m3", "m1"), ("m3", "m0"), ("m2", "m1"), ("m2", "m0"), ("m1", "m0")]


def test_a_large_board_has_neighbours_and_bases_from_the_top(tmp_path: Path) -> None:
    runs = [
        board_run(f"m{k:02}", 0.1 + 0.028 * k, items=12, seed=k, tasks=OPEN, spec={"base": "m00"}) for k in range(30)
    ]
    table = official(tmp_path, *runs)
    pairs = choose_pairs(table)
    assert len(pairs) == MOST_PAIRS
    order = [row.name for row in table.rows if row.measured]
    found = {(pair.candidate.name, pair.baseline.name) for pair in pairs}
    assert {(order[0], order[1]), (order[0], "m00"), (order[5], order[6]), (order[5], "m00")} <= found
    assert (order[0], order[2]) not in found
    assert len({pair.path("official") for pair in pairs}) == MOST_PAIRS


def test_a_row_of_several_runs_is_compared_as_one(tmp_path: Path) -> None:
    parts = [board_run("a", 0.6, tasks=[task], after=k) for k, task in enumerate(["medec", "icd10cm"])]
    other = board_run("b", 0.4, tasks=["medec", "icd10cm"], seed=2)
    rows = {row.name: row for row in official(tmp_path, *parts, other).board.rows}
    whole = assembled(rows["a"])
    assert [task.name for task in whole.record.tasks] == ["medec", "icd10cm"]
    assert len(whole.items) == 80
    assert compare(assembled(rows["b"]), whole).macro.delta is not None


@pytest.fixture
def page(tmp_path: Path) -> Any:
    def make(*runs: Run) -> str:
        build(Options(write_runs(tmp_path / "results", *runs), tmp_path / "site", Catalog()))
        (path,) = (tmp_path / "site/pairs").glob("*.html")
        return path.read_text()

    return make


def test_the_page_shows_what_the_comparison_found(page: Any) -> None:
    low, high = board_run("low", 0.3, tasks=["medec"]), board_run("high", 0.8, tasks=["medec"], seed=2)
    (task,) = compare(low, high).tasks
    text = page(low, high)
    difference = task.difference
    assert f"<td>{100 * difference.delta:+.1f}</td>" in text
    assert f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}" in text
    assert task.changes is not None
    assert f"items that turned ({len(task.changes.flips)})" in text
    assert 'class="forest' in text


def test_rows_that_can_not_be_compared_say_why(page: Any) -> None:
    decoding = {"max_tokens": 99, "temperature": 0.0}
    text = page(
        board_run("a", tasks=["medec"]),
        board_run("b", tasks=["medec"], seed=2, task_fields={"decoding": decoding}),
    )
    assert "max_tokens" in text or "decoding" in text
    assert "<svg" not in text
