from hypothesis import given
from hypothesis import strategies as st

from clueplus.models.limit import AdaptiveLimit


def worked(limit: AdaptiveLimit, times: int) -> None:
    for _ in range(times):
        limit.worked()


def test_the_window_doubles_with_every_window_of_answers_up_to_the_bound() -> None:
    limit = AdaptiveLimit(100, start=8)
    sizes = []
    for _ in range(5):
        worked(limit, limit.size)
        sizes.append(limit.size)
    assert sizes == [16, 32, 64, 65, 66]  # 128 would be more than the bound: the last steps are small
    worked(limit, 10_000)
    assert limit.size == 100


def test_it_never_starts_above_the_bound() -> None:
    assert AdaptiveLimit(3).size == 3


def test_one_overload_halves_once_however_many_requests_tell_of_it() -> None:
    limit = AdaptiveLimit(64, start=64)
    for _ in range(64):
        limit.overloaded()
    assert limit.size == 32
    assert limit.pushed_back == 64


def test_after_an_overload_it_creeps_up_one_a_window() -> None:
    limit = AdaptiveLimit(64, start=64)
    limit.overloaded()
    worked(limit, 64)
    assert limit.size == 33
    worked(limit, 33)
    assert limit.size == 34


@given(st.lists(st.booleans()), st.integers(1, 50), st.integers(1, 50))
def test_it_stays_between_one_and_the_bound(answers: list[bool], most: int, start: int) -> None:
    limit = AdaptiveLimit(most, start)
    for fine in answers:
        limit.worked() if fine else limit.overloaded()
        assert 1 <= limit.size <= most
