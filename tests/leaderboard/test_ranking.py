"""Ranks: tied where no test tells rows apart, apart where one does, and never more certain than the pages of pairs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.comparison.comparison import compare
from clueplus.leaderboard.ranking import Rank, Ranking, significantly_better
from clueplus.leaderboard.runs import collect
from clueplus.leaderboard.site import Table, make_site
from clueplus.records.published import read_published
from clueplus.records.run import Run
from clueplus.registry import Catalog
from clueplus.statistics.multiplicity import holm
from tests.support.boards import TWELVE, board_run, write_runs


@pytest.fixture
def table(tmp_path: Path) -> Any:
    def make(*runs: Run) -> Table:
        found, rejected = collect(write_runs(tmp_path, *runs))
        assert rejected == []
        site = make_site(found, Catalog(), read_published())
        return next(table for table in site.tables if table.board.variant == "official")

    return make


def ranks(table: Table, name: str = "clueplus") -> dict[str, Rank | None]:
    return {row.name: table.standings[name][row.slug].rank for row in table.board.rows if row.measured}


def test_rows_far_apart_have_ranks_of_their_own(table: Any) -> None:
    found = ranks(table(board_run("low", 0.2), board_run("high", 0.8, seed=2), board_run("mid", 0.5, seed=3)))
    assert {name: str(rank) for name, rank in found.items()} == {"high": "1", "mid": "2", "low": "3"}


def test_rows_that_no_test_separates_share_their_places(table: Any) -> None:
    found = ranks(table(board_run("a", 0.5, seed=1), board_run("b", 0.5, seed=2), board_run("c", 0.9, seed=3)))
    assert {name: str(rank) for name, rank in found.items()} == {"c": "1", "a": "2–3", "b": "2–3"}


def test_the_same_answers_twice_are_a_tie(table: Any) -> None:
    assert set(ranks(table(board_run("a"), board_run("b"))).values()) == {Rank(1, 2)}


def test_one_row_is_first_and_last(table: Any) -> None:
    assert ranks(table(board_run("only"))) == {"only": Rank(1, 1)}


def test_a_row_that_lacks_a_task_has_no_rank_there_and_disturbs_no_other(table: Any) -> None:
    without = table(board_run("a", 0.2), board_run("b", 0.8, seed=2), board_run("part", 1.0, tasks=TWELVE[:6], seed=3))
    assert ranks(without) == {"a": Rank(2, 2), "b": Rank(1, 1), "part": None}
    assert ranks(without, "clue")["part"] == Rank(1, 1)
    part = next(row for row in without.board.rows if row.name == "part")
    assert without.standings["clueplus"][part.slug].unranked == "incomplete: 6 of 12 tasks missing"


def test_published_and_trivial_rows_have_no_rank_and_say_why(table: Any) -> None:
    made = table(board_run("a"))
    others = [made.standings["clueplus"][row.slug] for row in made.board.rows if not row.measured]
    assert len(others) == 15
    assert {(each.rank, each.unranked) for each in others} == {(None, "no per-item evidence")}


def test_ranks_are_holms_decisions_on_the_differences_that_comparisons_give(table: Any) -> None:
    runs = [board_run(f"m{k}", 0.4 + 0.025 * k, seed=k, items=25) for k in range(5)]
    found = ranks(table(*runs))
    pairs = [(i, j) for i in range(5) for j in range(i + 1, 5)]
    whole = [compare(runs[i], runs[j]).macro for i, j in pairs]
    adjusted = dict(zip(pairs, holm([each.two_sided_p() for each in whole]), strict=True))
    better = [[False] * 5 for _ in range(5)]
    for (i, j), difference in zip(pairs, whole, strict=True):
        if adjusted[i, j] < 0.05:
            better[j if difference.delta > 0 else i][i if difference.delta > 0 else j] = True
    assert any(map(any, better)), "some pairs differ"
    assert not all(better[i][j] or better[j][i] for i, j in pairs), "and some don't"
    for k in range(5):
        best = 1 + sum(better[i][k] for i in range(5))
        worst = 5 - sum(better[k])
        assert found[f"m{k}"] == Rank(best, worst)


def test_holm_corrects_for_all_pairs() -> None:
    means = np.array([0.9, 0.5, 0.1])
    p = np.array([[1, 0.02, 0.001], [0.02, 1, 0.03], [0.001, 0.03, 1]])
    better = significantly_better(means, p)
    assert better.tolist() == [[False, True, True], [False, False, True], [False, False, False]]
    p[0, 1] = p[1, 0] = 0.026  # above 0.05 / 2: neither it nor what comes after is significant
    assert significantly_better(means, p).tolist() == [[False, False, True], [False] * 3, [False] * 3]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.integers(0, 1000))
def test_a_row_is_never_better_than_one_with_a_higher_average(means: list[float], seed: int) -> None:
    p = np.random.default_rng(seed).uniform(0, 0.01, (len(means), len(means)))
    better = significantly_better(np.array(means), np.minimum(p, p.T))
    assert not (better & better.T).any()
    assert all(means[i] > means[j] for i, j in np.argwhere(better))


def test_what_can_be_told_apart_shrinks_with_items(table: Any, tmp_path: Path) -> None:
    def detectable(items: int) -> float:
        runs = [board_run(f"m{k}", 0.5, seed=k, items=items) for k in range(3)]
        found, _ = collect(write_runs(tmp_path / str(items), *runs))
        official = make_site(found, Catalog(), read_published()).tables[0]
        return official.detectable["mednli"]

    assert 0 < detectable(160) < 0.7 * detectable(40)


def test_one_row_can_be_told_from_no_other(table: Any) -> None:
    assert table(board_run("only")).detectable == {}
    assert Ranking([], ["medec"]).detectable("medec") is None
