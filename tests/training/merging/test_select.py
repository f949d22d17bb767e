"""Exact selection without sorting, whatever the distribution."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.training.merging.noise import uniform
from clueplus.training.merging.select import Keeper, kept_count, largest, largest_in_rows, outlier_count


def kept(magnitude, count, sample):
    parts = magnitude.split(37)
    keeper = Keeper(largest(lambda: iter(parts), sample, count, magnitude.numel()))
    mask = torch.cat([keeper.mask(part) for part in parts])
    assert keeper.count == int(mask.sum())
    return mask


def expected(magnitude, count):
    mask = torch.zeros_like(magnitude, dtype=torch.bool)
    mask[magnitude.argsort(descending=True, stable=True)[:count]] = True
    return mask


@given(
    seed=st.integers(0, 1000),
    count=st.integers(0, 400),
    levels=st.sampled_from([0, 1, 2, 5, 40]),
    step=st.sampled_from([1, 2, 30]),
)
@settings(max_examples=150, deadline=None)
def test_the_largest_are_kept_and_equal_ones_by_their_order(seed, count, levels, step):
    magnitude = torch.randn(400, generator=torch.Generator().manual_seed(seed)).abs()
    if levels:
        magnitude = (magnitude * levels).round() / levels
    assert torch.equal(kept(magnitude, count, magnitude[::step]), expected(magnitude, count))


@pytest.mark.parametrize("value", [0.0, 100.0])
@pytest.mark.parametrize("count", [1, 200, 399])
def test_a_sample_that_misleads_costs_passes_and_no_exactness(value, count):
    magnitude = torch.arange(400.0)
    assert torch.equal(kept(magnitude, count, torch.full((300,), value)), expected(magnitude, count))


def test_a_good_sample_needs_one_pass():
    magnitude = torch.rand(100_000, generator=torch.Generator().manual_seed(0))
    passes = []

    def parts():
        passes.append(1)
        return iter(magnitude.split(1000))

    largest(parts, magnitude[::10], 30_000, 100_000)
    assert len(passes) == 1


@given(seed=st.integers(0, 1000), count=st.integers(0, 12), levels=st.sampled_from([0, 1, 3]))
@settings(max_examples=60, deadline=None)
def test_the_largest_of_every_row(seed, count, levels):
    magnitude = torch.randn((7, 11), generator=torch.Generator().manual_seed(seed)).abs()
    if levels:
        magnitude = (magnitude * levels).round()
    mask = largest_in_rows(magnitude, count)
    assert torch.equal(mask, torch.stack([expected(row, min(count, 11)) for row in magnitude]))


@given(st.floats(0.001, 1), st.integers(1, 10_000), st.floats(0, 1))
def test_counts_are_within_one_entry_of_their_fractions(density, total, share):
    kept = kept_count(density, total)
    assert 1 <= kept <= total
    assert abs(kept - density * total) <= 1
    gamma = share * (1 - density)
    assert 0 <= outlier_count(gamma, kept, total) <= total - kept
    assert abs(outlier_count(gamma, kept, total) - gamma * total) <= 1.5


def test_a_count_that_is_whole_is_not_moved_by_rounding():
    assert kept_count(0.07, 100) == 7
    assert kept_count(0.29, 100) == 29


def test_two_fractions_that_round_up_do_not_ask_for_more_than_there_is():
    assert kept_count(0.5, 3) == 2
    assert outlier_count(0.5, 2, 3) == 1
    assert kept_count(0.5, 1) == 1
    assert outlier_count(0.5, 1, 1) == 0


def test_random_numbers_are_uniform_and_depend_on_key_and_position_only():
    numbers = uniform(123, slice(0, 100_000), "cpu")
    assert float(numbers.min()) >= 0
    assert float(numbers.max()) < 1
    histogram = torch.histc(numbers, 20, 0, 1)
    assert float(((histogram - 5000) ** 2 / 5000).sum()) < 50  # chi-square, 19 degrees of freedom
    assert torch.equal(numbers[5000:6000], uniform(123, slice(5000, 6000), "cpu"))
    pairs = torch.corrcoef(
        torch.stack([numbers[:-1], numbers[1:], uniform(0xDEADBEEFCAFE << 8, slice(0, 99_999), "cpu")])
    )
    assert float((pairs - torch.eye(3)).abs().max()) < 0.02


def test_random_numbers_are_the_same_for_good():
    assert [round(number, 6) for number in uniform(7, slice(0, 3), "cpu").tolist()] == [0.330763, 0.346827, 0.773289]
