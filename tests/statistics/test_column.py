"""The linearised column, by hand."""

import numpy as np
import pytest

from clueplus.statistics.column import linearise


def test_a_column_with_gaps_by_hand() -> None:
    column = linearise(np.array([[1.0, 1.0], [0.0, np.nan], [1.0, 0.0], [0.0, np.nan]]))
    assert column.score == 0.5
    assert column.share == pytest.approx([1.5, 0, 0.5, 0])  # weights 1/2 and 1
    assert column.reach == pytest.approx([1.5, 0.5, 1.5, 0.5])
    assert column.influence == pytest.approx([0.25 + 0.5, -0.25, 0.25 - 0.5, -0.25])
    assert column.independent_variance == pytest.approx((0.25 / 4 + 0.25 / 2) / 4)


@pytest.mark.parametrize("values", [np.zeros((0, 2)), np.array([[0.5, np.nan], [0.1, np.nan]])])
def test_a_component_without_any_value_leaves_no_column(values: np.ndarray) -> None:
    column = linearise(values)
    assert np.isnan(column.score)
    assert np.isnan(column.influence).all()
    assert len(column.share) == len(values)
