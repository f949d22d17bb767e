"""Adjusted p values against statsmodels, and with gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.statistics.multiplicity import benjamini_hochberg, holm

ADJUST = {"holm": holm, "fdr_bh": benjamini_hochberg}
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@pytest.mark.parametrize("name", ADJUST)
@settings(deadline=None)
@given(p=p_values)
def test_statsmodels_adjusts_alike(name: str, p: list[float]) -> None:
    from statsmodels.stats.multitest import multipletests

    assert ADJUST[name](p) == pytest.approx(multipletests(p, method=name)[1].tolist(), abs=1e-12)


@pytest.mark.parametrize("name", ADJUST)
@given(p=st.lists(st.none() | st.floats(0, 1), max_size=12))
def test_what_has_no_p_value_is_passed_through_and_not_counted(name: str, p: list[float | None]) -> None:
    adjusted = ADJUST[name](p)
    assert [value is None for value in adjusted] == [value is None for value in p]
    known = [value for value in p if value is not None]
    assert [value for value in adjusted if value is not None] == ADJUST[name](known)


def test_a_known_case() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert benjamini_hochberg([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.04, 0.04])
    assert holm([]) == benjamini_hochberg([]) == []


@pytest.mark.parametrize("p", [[0.5, -0.1], [1.1], [float("nan")]])
def test_what_is_no_p_value_is_refused(p: list[float]) -> None:
    for adjust in ADJUST.values():
        with pytest.raises(ValueError, match="p values are in"):
            adjust(p)


def test_holm_keeps_the_chance_of_any_false_rejection() -> None:
    p = np.random.default_rng(2).random((4000, 12))
    rejected = np.mean([min(value for value in holm(row.tolist()) if value is not None) < 0.05 for row in p])
    assert 0.04 <= rejected <= 0.06
    assert (p.min(axis=1) < 0.05).mean() > 0.4  # without it
