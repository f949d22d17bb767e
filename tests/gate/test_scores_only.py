"""Published scores: what the table holds, and what two numbers with a declared n can show."""

import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest

from clueplus.errors import ClueplusError, DataError
from clueplus.gate.evidence import Evidence
from clueplus.gate.policy import Policy
from clueplus.gate.scores_only import NO_ITEMS, mean_scores, scores_evidence
from clueplus.records.published import read_published
from clueplus.registry import Catalog


def policy(**keys: Any) -> Policy:
    return Policy.model_validate({**keys, "path": Path("gate.yaml")})


def declared(n: int, baseline: float, candidate: float, **keys: Any) -> Evidence:
    chosen = policy(tasks={"pls": {"declared_n": n}}, **keys)
    return scores_evidence(chosen, {"pls": baseline}, {"pls": candidate}, ["pls"])["pls"]


def test_the_table_has_the_twelve_tasks_as_fractions_with_source_and_licence() -> None:
    table = read_published()
    tasks = Catalog().groups["clueplus"].task
    assert list(table.columns) == tasks
    assert len(table.rows) == 14
    for row in table.rows.values():
        assert list(row) == tasks
        assert all(0.1 < score < 0.8 for score in row.values())
    assert table.row("MediPhi-Instruct")["medec"] == 0.344
    assert (table.licence, table.unit, table.variant) == ("CC-BY-4.0", "fraction", "official")
    assert "2025.acl-long.950" in table.source


@pytest.mark.parametrize(
    ("row", "average"), [("Phi-3.5-mini-instruct", 36.5), ("MediPhi", 39.3), ("MediPhi-Instruct", 43.4)]
)
def test_rows_have_the_averages_that_the_paper_prints(row: str, average: float) -> None:
    scores = read_published().row(row)
    assert 100 * sum(scores.values()) / 12 == pytest.approx(average, abs=0.1)


def test_unknown_rows_and_broken_tables_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ClueplusError, match="did you mean MediPhi-Instruct"):
        read_published().row("MediPhi-instruct")
    broken = tmp_path / "published.json"
    broken.write_text('{"rows": {"a": {"medec": NaN}}}')
    for path in (broken, tmp_path / "nowhere.json"):
        with pytest.raises(DataError, match="not a table of published scores"):
            read_published(path)


def test_without_n_only_the_difference_is_known() -> None:
    found = scores_evidence(policy(), {"pls": 0.284}, {"pls": 0.264}, ["pls"])["pls"]
    assert (found.kind, found.difference, found.low, found.p, found.reason) == (
        "scores only",
        -0.02,
        None,
        None,
        NO_ITEMS,
    )
    for sides, side in ((({}, {"pls": 0.2}), "baseline"), (({"pls": 0.2}, {"pls": None}), "candidate")):
        lacking = scores_evidence(policy(), *sides, ["pls"])["pls"]
        assert (lacking.difference, lacking.reason) == (None, f"the {side} has no score")


def test_a_declared_n_gives_the_bounds_of_two_independent_means() -> None:
    found = declared(1000, 0.4, 0.35)
    p, q = (400 + 1) / 1002, (350 + 1) / 1002
    error = math.sqrt(p * (1 - p) / 1000 + q * (1 - q) / 1000)
    assert found.kind == "declared n"
    assert found.standard_error == pytest.approx(error)
    assert found.low == pytest.approx(-0.05 - 1.6449 * error, abs=1e-5)
    assert found.high == pytest.approx(-0.05 + 1.6449 * error, abs=1e-5)
    assert found.p == pytest.approx(NormalDist().cdf(-0.05 / error))
    assert found.power == pytest.approx(NormalDist().cdf(0.02 / error - 1.6449), abs=1e-4)
    assert found.detectable == pytest.approx((1.6449 + 0.8416) * error, abs=1e-5)
    assert found.pairs == 1000


def test_perfect_scores_are_no_certainty() -> None:
    found = declared(10, 1.0, 1.0)
    assert found.low is not None
    assert found.low < -0.15


def test_alpha_and_margin_are_the_policys() -> None:
    strict, loose = declared(1000, 0.4, 0.39, alpha=0.01), declared(1000, 0.4, 0.39, alpha=0.2)
    assert strict.low is not None
    assert loose.low is not None
    assert strict.low < loose.low


def test_the_mean_has_bounds_only_where_every_task_has() -> None:
    chosen = policy(tasks={"pls": {"declared_n": 1000}, "medec": {"declared_n": 600}})
    found = scores_evidence(chosen, {"pls": 0.3, "medec": 0.5}, {"pls": 0.28, "medec": 0.52}, ["pls", "medec"])
    mean = mean_scores(chosen, list(found.values()))
    errors = [e.standard_error or 0.0 for e in found.values()]
    assert (mean.difference, mean.baseline, mean.candidate) == (0.0, 0.4, pytest.approx(0.4))
    assert mean.standard_error == pytest.approx(math.hypot(*errors) / 2)
    assert mean.power == pytest.approx(NormalDist().cdf(0.01 / (mean.standard_error or 1) - 1.6449), abs=1e-4)
    bare = scores_evidence(policy(), {"sdoh": 0.3}, {"sdoh": 0.3}, ["sdoh"])["sdoh"]
    assert mean_scores(chosen, [*found.values(), bare]).low is None
    assert mean_scores(chosen, [Evidence(kind="scores only")]).reason == "a task has no score"
