import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.comparison.fields import NotComparableError
from clueplus.comparison.task import TaskComparison, compare_task, shown_flips
from clueplus.records.run import Run
from tests.support.runs import make_items, make_run

Item = dict[str, float | None]


def compared(first: object, second: object, **fields: object) -> TaskComparison:
    one, other = make_run({"medec": first}, **fields), make_run({"medec": second}, **fields)  # type: ignore[dict-item, arg-type]
    return compare_task(one, other, "medec")


def test_the_columns_and_their_difference_are_those_of_the_paired_items() -> None:
    found = compared([0.0, 1.0, 0.0, 1.0, None], [1.0, 1.0, 0.0, 1.0, 1.0])
    assert (found.n, found.clusters, found.missing_baseline, found.missing_candidate) == (4, 4, 1, 0)
    assert (found.baseline, found.candidate, found.difference.delta) == (0.5, 0.75, 0.25)
    assert found.difference.low is not None
    assert found.difference.high is not None
    assert found.difference.low < 0.25 < found.difference.high
    assert found.components["accuracy"].delta == 0.25
    assert (found.title, found.version, found.tier, found.variant) == ("MEDEC", 1, "open", "official")
    assert found.scoring == "clueplus-1"


def test_wins_losses_ties_and_flips_of_right_or_wrong_answers() -> None:
    found = compared([0.0, 0.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 1.0, 0.0]).changes
    assert found is not None
    assert (found.wins, found.losses, found.ties) == (2, 1, 2)
    assert [(flip.id, flip.baseline, flip.candidate) for flip in found.flips] == [
        ("medec-0", 0.0, 1.0),
        ("medec-1", 0.0, 1.0),
        ("medec-2", 1.0, 0.0),
    ]


def test_a_graded_item_flips_when_it_moves_by_more_than_half_the_scale() -> None:
    found = compared([0.2, 0.2, 0.9, 0.25, 0.3], [0.9, 0.3, 0.1, 0.75, 0.3]).changes
    assert found is not None
    assert [flip.id for flip in found.flips] == ["medec-0", "medec-2"]
    assert (found.wins, found.losses, found.ties) == (3, 1, 1)


def test_in_an_all_or_nothing_task_of_several_components_any_change_is_a_flip() -> None:
    found = compared([{"flag": 0.0, "number": 0.0}], [{"flag": 1.0, "number": 0.0}]).changes
    assert found is not None
    ((flip),) = found.flips
    assert (flip.baseline, flip.candidate) == (0.0, 0.5)


def test_an_items_score_counts_components_that_both_sides_have() -> None:
    found = compared(
        [{"a": 0.5, "b": 1.0}, {"a": 0.5, "b": 0.0}], [{"a": 0.5, "b": None}, {"a": 0.5, "b": 1.0}]
    ).changes
    assert found is not None
    assert (found.wins, found.losses, found.ties) == (1, 0, 1)


def test_a_component_that_one_side_lacks_is_no_part_of_an_items_score() -> None:
    changes = compared(
        [{"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 1.0}], [{"a": 1.0, "b": None}, {"a": 1.0, "b": 1.0}]
    ).changes
    assert changes is not None
    assert [(flip.baseline, flip.candidate) for flip in changes.flips] == [(0.0, 1.0)]


def test_a_flip_says_which_item_and_where_its_answers_are() -> None:
    changes = compared(make_items("medec", [0.0], groups={"error": "dose"}), [1.0]).changes
    assert changes is not None
    (flip,) = changes.flips
    item = make_items("medec", [0.0])[0]
    assert (flip.document_hash, flip.baseline_key) == (item.document_hash, item.response_key)
    assert flip.candidate_key == item.response_key
    assert flip.groups == {"error": "dose"}


def test_exact_mcnemar_is_for_independent_answers_that_are_right_or_wrong() -> None:
    assert compared([0.0] * 6, [1.0] * 5 + [0.0]).mcnemar == pytest.approx(2 / 2**5)
    assert compared([0.0, 0.5], [1.0, 1.0]).mcnemar is None
    clustered = [make_items("medec", values, clusters=["a", "a", "b"]) for values in ([0.0] * 3, [1.0] * 3)]
    found = compared(*clustered)
    assert (found.clusters, found.mcnemar) == (2, None)
    assert found.sign_flip == pytest.approx(0.5)


def test_the_p_value_agrees_with_the_interval() -> None:
    better = compared([0.0] * 12 + [1.0] * 8, [1.0] * 12 + [1.0] * 8)
    assert better.p is not None
    assert better.p < 0.05
    assert better.difference.low is not None
    assert better.difference.low > 0
    same = compared([0.0, 1.0, 0.0], [1.0, 0.0, 0.0])
    assert same.p is not None
    assert same.p > 0.05


def test_all_equal_is_no_difference_with_an_interval_around_zero() -> None:
    found = compared([1.0, 0.0, 0.5] * 5, [1.0, 0.0, 0.5] * 5)
    assert (found.difference.delta, found.p, found.sign_flip) == (0.0, 1.0, 1.0)
    assert found.difference.low is not None
    assert found.difference.high is not None
    assert found.difference.low < 0 < found.difference.high
    assert found.changes is not None
    assert (found.changes.ties, found.changes.flips) == (15, ())


@pytest.mark.parametrize("clusters", [None, ["one"] * 3])
def test_one_item_or_one_cluster_has_a_difference_without_interval(clusters: list[str] | None) -> None:
    n = 3 if clusters else 1
    found = compared(make_items("medec", [0.0] * n, clusters), make_items("medec", [1.0] * n, clusters))
    assert (found.n, found.clusters, found.difference.delta) == (n, 1, 1.0)
    assert (found.difference.low, found.difference.high, found.p, found.mcnemar is None) == (None, None, None, n > 1)
    assert found.difference.reason == "one item or one cluster has no interval"


@pytest.mark.parametrize(("first", "second"), [([None, None], [1.0, 1.0]), ([1.0, None], [None, 1.0])])
def test_without_a_pair_there_is_no_difference_and_a_reason(first: list[float | None], second: object) -> None:
    found = compared(first, second, task_fields={"components": {"accuracy": {"value": None, "n": 0}}})
    assert (found.n, found.clusters, found.baseline, found.candidate, found.difference.delta) == (
        0,
        0,
        None,
        None,
        None,
    )
    assert (found.changes, found.p, found.sign_flip, found.mcnemar) == (None, None, None, None)
    assert found.difference.reason == "no item has a score"


def test_no_item_at_all_is_no_difference() -> None:
    found = compared([], [])
    assert (found.n, found.difference.delta, found.difference.reason) == (0, None, "no item has a score")


def test_a_component_that_a_run_lacks_leaves_no_difference_and_its_name() -> None:
    full, half = [{"a": 0.5, "b": 1.0}] * 3, [{"a": 0.25, "b": None}] * 3
    found = compared(full, half)
    assert (found.baseline, found.candidate, found.difference.delta, found.changes) == (None, None, None, None)
    assert found.difference.reason == "b has no value in the candidate"
    assert shown_flips(found) == ()
    assert compared(half, full).difference.reason == "b has no value in the baseline"
    assert compared(half, half).difference.reason == "b has no value in either run"
    assert found.components["a"].delta == -0.25
    assert found.components["b"].delta is None


def test_outcomes_of_both_sides_are_told() -> None:
    unscorable = make_items("medec", [0.0, 0.0], outcome="unscorable", truncated=True)
    found = compared([1.0, None], unscorable)
    assert found.baseline_outcomes == {"scored": 1, "unscorable": 0, "infrastructure_error": 1, "truncated": 0}
    assert found.candidate_outcomes == {"scored": 0, "unscorable": 2, "infrastructure_error": 0, "truncated": 2}


@pytest.mark.parametrize(("one", "other"), [("open", "restricted"), ("restricted", "open")])
def test_data_that_one_record_calls_restricted_is_restricted(one: str, other: str) -> None:
    runs = [make_run({"medec": [value]}, task_fields={"tier": tier}) for value, tier in ((0.0, one), (1.0, other))]
    found = compare_task(runs[0], runs[1], "medec")
    assert found.tier == "restricted"
    assert shown_flips(found) == ()
    assert found.changes is not None
    assert len(found.changes.flips) == 1


def test_other_work_is_refused() -> None:
    with pytest.raises(NotComparableError, match="shots is 3 in the baseline and 4 in the candidate"):
        compare_task(make_run({"medec": [1.0]}), make_run({"medec": [1.0]}, task_fields={"shots": 4}), "medec")


fractions = st.sampled_from([0.0, 0.25, 0.5, 1.0])
# The second component is missing on some items, as the types of a question are.
items = st.tuples(fractions, fractions, fractions, fractions, st.booleans(), st.sampled_from("abcd"))
tasks = st.lists(items, min_size=1, max_size=12)


def sides(drawn: list[tuple[float, float, float, float, bool, str]]) -> tuple[Run, Run]:
    clusters = [item[5] for item in drawn]
    first: list[Item] = [{"a": a, "b": b if has or not n else None} for n, (a, b, _, _, has, _) in enumerate(drawn)]
    second: list[Item] = [{"a": a, "b": b if has or not n else None} for n, (_, _, a, b, has, _) in enumerate(drawn)]
    one, other = (make_run({"t": make_items("t", side, clusters)}) for side in (first, second))
    return one, other


@settings(max_examples=60, deadline=None)
@given(tasks)
def test_when_all_items_are_paired_the_difference_is_that_of_the_recorded_columns(drawn: list) -> None:
    baseline, candidate = sides(drawn)
    found = compare_task(baseline, candidate, "t")
    before, after = (run.record.tasks[0].score.value for run in (baseline, candidate))
    assert before is not None
    assert after is not None
    assert found.difference.delta == pytest.approx(after - before, abs=1e-12)
    assert (found.baseline, found.candidate) == (pytest.approx(before), pytest.approx(after))
    assert found.n == len(drawn)


@settings(max_examples=60, deadline=None)
@given(tasks)
def test_swapping_the_runs_turns_every_sign(drawn: list) -> None:
    baseline, candidate = sides(drawn)
    one, other = compare_task(baseline, candidate, "t"), compare_task(candidate, baseline, "t")
    assert one.difference.delta is not None
    assert other.difference.delta == pytest.approx(-one.difference.delta, abs=1e-12)
    assert (one.difference.low is None) == (other.difference.high is None)
    if one.difference.low is not None and one.difference.high is not None:
        assert other.difference.high == pytest.approx(-one.difference.low, abs=1e-9)
        assert other.difference.low == pytest.approx(-one.difference.high, abs=1e-9)
    for p, mirrored in ((one.p, other.p), (one.mcnemar, other.mcnemar), (one.sign_flip, other.sign_flip)):
        assert (p is None) == (mirrored is None)
        assert p is None or mirrored is None or math.isclose(p, mirrored, abs_tol=1e-9)
    assert one.changes is not None
    assert other.changes is not None
    assert (one.changes.wins, one.changes.losses) == (other.changes.losses, other.changes.wins)
    assert len(one.changes.flips) == len(other.changes.flips)


@settings(max_examples=40, deadline=None)
@given(tasks, st.randoms(use_true_random=False))
def test_the_order_of_the_items_does_not_matter(drawn: list, random: object) -> None:
    baseline, candidate = sides(drawn)
    shuffled = list(candidate.items)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert compare_task(baseline, candidate._replace(items=shuffled), "t") == compare_task(baseline, candidate, "t")
