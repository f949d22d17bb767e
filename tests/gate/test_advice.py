"""What would settle an undecided task: more items, more samples an item, or nothing."""

from typing import Any

import numpy as np
import pytest

from clueplus.gate.advice import advise
from clueplus.statistics.paired import Difference, paired_difference
from clueplus.statistics.power import power
from tests.support.runs import make_items, make_task

ALPHA = 0.05


def difference(losses: int, gains: int, n: int = 400) -> Difference:
    before = np.array([1.0] * losses + [0.0] * gains + [1.0] * (n - losses - gains))[:, None]
    after = np.array([0.0] * losses + [1.0] * gains + [1.0] * (n - losses - gains))[:, None]
    return paired_difference(before, after, list(range(n)))


def advice(found: Difference, within: float | None = None, **fields: Any) -> tuple[int | None, str]:
    told = advise(found, 0.02, ALPHA, make_task("medec", make_items("medec", [1.0, 0.0]), **fields), within)
    assert told is not None
    return told


def test_items_are_enough_for_80_percent_power_and_one_less_is_not() -> None:
    found = difference(40, 40)
    needed, text = advice(found, limit=400)
    assert needed is not None
    assert found.se is not None
    for n, enough in ((needed, True), (needed - 1, False)):
        assert (power(found.se * (400 / n) ** 0.5, n - 1, margin=0.02, alpha=ALPHA) >= 0.8) == enough
    assert text == (
        f"about {needed:,} items would show that no more than the margin was lost with 80% chance if nothing changed; "
        "400 were compared"
    )


def test_a_gain_is_taken_as_no_change_and_a_small_loss_as_seen() -> None:
    none, gain, loss = (advice(difference(*flips))[0] for flips in ((41, 41), (36, 46), (43, 39)))
    assert none is not None
    assert gain is not None
    assert loss is not None
    assert gain == pytest.approx(none, rel=0.02)
    assert loss > 2 * none
    assert "if the true difference is the -1.0 points that were seen" in advice(difference(43, 39))[1]


def test_a_loss_of_the_margin_or_more_is_settled_by_proving_it() -> None:
    at, beyond = difference(24, 16), difference(28, 16)
    assert "would prove the loss with 80% chance if the true difference is the -2.0 points" in advice(at)[1]
    assert "would prove the loss" in advice(beyond)[1]
    assert (advice(beyond)[0] or 0) < (advice(at)[0] or 0)


def test_a_loss_of_exactly_the_margin_is_one_to_prove() -> None:
    exact = advise(difference(24, 16, 512), 8 / 512, ALPHA, make_task("medec", make_items("medec", [1.0, 0.0])), None)
    assert exact is not None
    assert "would prove the loss" in exact.text


def test_a_task_without_more_items_says_what_samples_would_do() -> None:
    found = difference(40, 40)
    assert advice(found)[1].endswith(
        "the task has no more; several samples an item on both sides (--samples, --temperature) may help"
    )
    assert found.se is not None
    mostly_sampling = advice(found, within=found.se**2 * 400 * 0.95, samples=1)[1]
    assert "samples an item instead of 1 would" in mostly_sampling
    mostly_items = advice(found, within=found.se**2 * 400 * 0.01, samples=1)[1]
    assert "more samples an item do not help" in mostly_items


def test_without_a_bound_there_is_nothing_to_advise() -> None:
    one = paired_difference(np.array([[1.0]]), np.array([[0.0]]), ["a"])
    assert advise(one, 0.02, ALPHA, make_task("medec", make_items("medec", [1.0])), None) is None
