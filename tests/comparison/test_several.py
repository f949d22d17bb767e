import pytest

from clueplus.comparison.fields import NotComparableError
from clueplus.comparison.several import compare_all
from clueplus.errors import ClueplusError
from clueplus.records.run import Run
from tests.support.runs import make_run

HALF = [0.0, 1.0] * 20


def run(name: str, medec: list[float], **fields: object) -> Run:
    return make_run({"medec": medec, "mednli": HALF}, name=name, **fields)  # type: ignore[arg-type]


GOOD, FAIR, BAD = run("good", [1.0] * 40), run("fair", [1.0] * 38 + [0.0] * 2), run("bad", HALF)


def test_every_run_is_compared_with_every_later_one() -> None:
    found = compare_all([BAD, FAIR, GOOD])
    assert list(found.pairs) == [(0, 1), (0, 2), (1, 2)]
    assert [d.name for d in found.runs] == ["bad", "fair", "good"]
    assert found.pairs[0, 2].baseline.name == "bad"
    assert found.pairs[0, 2].candidate.name == "good"
    assert found.task("medec", 0, 1).difference.delta == pytest.approx(0.45)
    assert found.scores == {"medec": (0.5, 0.95, 1.0), "mednli": (0.5, 0.5, 0.5)}


@pytest.mark.parametrize("order", [[BAD, FAIR, GOOD], [GOOD, BAD, FAIR], [FAIR, GOOD, BAD]])
def test_the_best_is_shared_with_what_is_not_shown_to_be_worse(order: list[Run]) -> None:
    found = compare_all(order)
    assert {found.runs[number].name for number in found.best("medec")} == {"good", "fair"}
    assert found.best("mednli") == {0, 1, 2}


def test_a_run_without_a_score_is_not_best() -> None:
    lacking = make_run({"medec": [{"accuracy": None}] * 40})
    found = compare_all([make_run({"medec": HALF}, name="half"), lacking])
    assert found.scores["medec"] == (0.5, None)
    assert found.best("medec") == {0}
    assert compare_all([lacking, lacking]).best("medec") == frozenset()


def test_the_means_are_adjusted_for_the_number_of_pairs() -> None:
    found = compare_all([BAD, FAIR, GOOD])
    raw = {pair: comparison.macro.two_sided_p() for pair, comparison in found.pairs.items()}
    smallest, middle, largest = sorted(raw, key=lambda pair: raw[pair] or 0.0)
    assert found.macro_p[smallest] == pytest.approx(3 * (raw[smallest] or 0.0))
    assert found.macro_p[middle] == pytest.approx(2 * (raw[middle] or 0.0))
    assert found.macro_p[largest] == pytest.approx(raw[largest])


def test_of_runs_that_are_not_comparable_both_are_named() -> None:
    other = run("other", HALF, task_fields={"shots": 5})
    with pytest.raises(NotComparableError) as caught:
        compare_all([BAD, FAIR, other])
    assert "medec: shots is 3 in results/bad and 5 in results/other" in str(caught.value)
    assert caught.value.differing.field == "shots"


def test_one_run_is_too_few() -> None:
    with pytest.raises(ClueplusError, match="two runs or more"):
        compare_all([GOOD])


def test_only_the_tasks_that_are_asked_for() -> None:
    found = compare_all([BAD, GOOD], ["mednli"])
    assert list(found.scores) == ["mednli"]
    assert found.pairs[0, 1].macro.delta == 0.0


def test_a_task_of_some_runs_only_has_scores_where_it_is() -> None:
    lacking = make_run({"mednli": HALF}, name="lacking")
    found = compare_all([BAD, lacking, GOOD])
    assert found.scores == {"mednli": (0.5, 0.5, 0.5), "medec": (0.5, None, 1.0)}
    assert found.best("medec") == {2}
