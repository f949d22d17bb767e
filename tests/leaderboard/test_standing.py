from pathlib import Path

import pytest

from clueplus.leaderboard.runs import collect
from clueplus.leaderboard.site import Table, make_site
from clueplus.records.published import read_published
from clueplus.registry import Catalog
from clueplus.statistics import summary
from tests.support.boards import TWELVE, board_run, write_runs


@pytest.fixture
def tables(results: Path) -> dict[str, Table]:
    runs, _ = collect(results)
    return {table.board.variant: table for table in make_site(runs, Catalog(), read_published()).tables}


def test_average_gains_and_their_variation_are_those_of_the_summary(tables: dict[str, Table]) -> None:
    official = tables["official"]
    rows = {row.name: row for row in official.board.rows}
    base, tuned = rows["base"], rows["tuned"]
    for name, tasks in official.board.sets.items():
        found = official.standings[name][tuned.slug]
        assert found.average == summary.average(tuned.scores, tasks)
        assert found.gained == summary.datasets_gained(tuned.scores, base.scores, tasks)
        assert found.variation == summary.gain_variation(tuned.scores, base.scores, tasks)
        assert found.gained.value == len(tasks)


def test_a_row_without_a_base_on_the_board_says_so(tables: dict[str, Table]) -> None:
    official = tables["official"]
    giant = next(row for row in official.board.rows if row.name == "giant")
    assert official.standings["clue"][giant.slug].gained.reason == "no base on this board"


def test_published_rows_reproduce_the_paper(tables: dict[str, Table]) -> None:
    """Corbeil et al., ACL 2025, Table 5: averages, data sets gained and variation of the gains."""
    official = tables["official"]
    rows = {row.name: row for row in official.board.rows if row.kind == "published"}
    assert len(rows) == 14
    printed = {"MediPhi": (39.3, 11, 1.5), "BioMistral-7B-DARE": (34.7, 8, 3.4), "Llama3-Med42-8B": (45.3, 5, 7.8)}
    for name, (average, gained, variation) in printed.items():
        found = official.standings["clueplus"][rows[name].slug]
        assert found.average.value is not None
        assert found.variation.value is not None
        assert 100 * found.average.value == pytest.approx(average, abs=0.11)
        assert found.gained.value == gained
        assert found.variation.value == pytest.approx(variation, abs=0.15)


def test_published_rows_stand_on_the_official_board_only(tables: dict[str, Table]) -> None:
    assert not any(row.kind == "published" for row in tables["sample"].board.rows)


def test_a_measured_base_is_none_for_a_published_row_of_its_name(tmp_path: Path) -> None:
    run = board_run("Phi-3.5-mini-instruct", 0.1)
    tuned = board_run("mine", 0.5, seed=2, spec={"base": "MediPhi"})
    runs, _ = collect(write_runs(tmp_path, run, tuned))
    official = make_site(runs, Catalog(), read_published()).tables[0]
    by_kind = {(row.kind, row.name): official.standings["clueplus"][row.slug] for row in official.board.rows}
    assert by_kind["published", "MediPhi"].gained.value == 11
    assert by_kind["model", "mine"].gained.reason == "no base on this board"


def test_the_first_set_with_a_ranked_row_is_shown(tmp_path: Path) -> None:
    open_tasks = Catalog().groups["clueplus_open"].task
    runs, _ = collect(write_runs(tmp_path, board_run("a", tasks=open_tasks)))
    assert make_site(runs, Catalog(), read_published()).tables[0].shown == "clueplus_open"
    assert make_site([], Catalog(), read_published()).tables[0].shown == "clueplus"


def test_tasks_beyond_the_benchmark_have_a_column_when_a_run_has_them(tables: dict[str, Table]) -> None:
    names = [column.name for column in tables["official"].board.columns]
    assert names[:12] == TWELVE
    assert names[12:] == ["ner_ncbi_disease"]
    assert all("ner_ncbi_disease" not in tasks for tasks in tables["official"].board.sets.values())
    assert [column.name for column in tables["sample"].board.columns] == names[:12]


def test_rows_come_by_average_and_those_without_one_last(tables: dict[str, Table]) -> None:
    names = [row.name for row in tables["official"].rows if row.measured]
    assert names[0] == "giant"
    assert names[-2:] == ["baseline:majority", "partial"]
