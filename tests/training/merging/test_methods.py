"""The methods as functions of tensors: their formulas, the properties that every merge has, and known faults."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clueplus.training.merging import operands as operands_module
from clueplus.training.merging.methods import METHODS
from clueplus.training.merging.methods.slerp import DirectionError
from clueplus.training.merging.operands import Expert, Operands

ON_DELTAS = ["task_arithmetic", "ties", "dare_linear", "dare_ties", "breadcrumbs", "breadcrumbs_ties", "della"]
MANY = [name for name in METHODS if name != "slerp"]
TRIMMED = ["ties", "breadcrumbs", "breadcrumbs_ties"]
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
quick = settings(max_examples=25, deadline=None)

shapes = st.one_of(st.tuples(st.integers(1, 40)), st.tuples(st.integers(1, 9), st.integers(1, 12)))
seeds = st.integers(0, 2**32)


def random(shape, seed, dtype=torch.float32, scale=1.0):
    return (scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))).to(dtype)


def make(shape=(6, 50), count=3, dtype=torch.float32, seed=0, scale=0.01, base=True, **values):
    """Operands of a base and experts near it."""
    origin = random(shape, seed)
    experts = [
        Expert((origin + random(shape, seed + 1 + k, scale=scale)).to(dtype), key=seed * 97 + k, **values)
        for k in range(count)
    ]
    return Operands(origin.to(dtype) if base else None, experts, dtype)


def same(left, right):
    return left.dtype == right.dtype and torch.equal(left, right)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Parts so small that every tensor here has several."""
    monkeypatch.setattr(operands_module, "PART", 16)


@pytest.mark.parametrize("method", MANY)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weights", [(0.2,) * 5, (0.1, 0.7, 1.3), (1.0,)])
def test_equal_models_merge_to_themselves_bit_for_bit(method, dtype, weights):
    model = random((7, 11), 3, dtype)
    experts = [
        Expert(model, weight=weight, density=0.6, gamma=0.1, epsilon=0.1, key=k) for k, weight in enumerate(weights)
    ]
    for base in (model,) if method in ON_DELTAS else (model, None):
        assert same(METHODS[method](Operands(base, experts, dtype)).tensor, model)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_slerp_between_equal_models_is_that_model(t, dtype):
    model = random((7, 11), 3, dtype)
    assert same(METHODS["slerp"](Operands(model, [Expert(model)], dtype, t=t)).tensor, model)


@pytest.mark.parametrize("method", MANY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_weight_one_on_one_whole_expert_is_that_expert(method, dtype):
    operands = make(dtype=dtype, scale=1.0)
    # Where base and expert are of very different size, base + (expert - base) is not the expert.
    operands.base.reshape(-1)[:40] *= 1e4
    experts = [replace(one, weight=float(k == 1)) for k, one in enumerate(operands.experts)]
    result = METHODS[method](replace(operands, experts=experts))
    if method == "multislerp":  # goes by a length, so that it is exact up to rounding
        torch.testing.assert_close(result.tensor, experts[1].tensor)
    else:
        assert same(result.tensor, experts[1].tensor)


@pytest.mark.parametrize("method", ON_DELTAS)
def test_without_weight_the_base_stays(method):
    operands = make(weight=0.0, density=0.5)
    assert same(METHODS[method](replace(operands, normalize=False)).tensor, operands.base)


@pytest.mark.parametrize("method", MANY)
@given(shape=shapes, seed=seeds)
@quick
def test_the_order_of_the_experts_changes_only_rounding(method, shape, seed):
    operands = make(shape, seed=seed, weight=0.4, density=0.5, gamma=0.1, epsilon=0.2)
    turned = replace(operands, experts=operands.experts[::-1])
    one, two = METHODS[method](operands), METHODS[method](turned)
    torch.testing.assert_close(one.tensor, two.tensor, rtol=1e-5, atol=1e-6)
    assert one.kept == two.kept[::-1]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_method_is_pure(method, dtype):
    count = 1 if method == "slerp" else 3
    operands = make(count=count, dtype=dtype, density=0.5, gamma=0.1, epsilon=0.2)
    before = [one.tensor.clone() for one in operands.experts], operands.base.clone()
    first, again = METHODS[method](operands), METHODS[method](operands)
    assert same(first.tensor, again.tensor)
    assert all(same(one.tensor, saved) for one, saved in zip(operands.experts, before[0], strict=True))
    assert same(operands.base, before[1])


@pytest.mark.parametrize("method", METHODS)
def test_the_parts_of_a_tensor_leave_no_trace(method, monkeypatch):
    operands = make(count=1 if method == "slerp" else 3, weight=0.4, density=0.5, gamma=0.1, epsilon=0.2)
    in_parts = METHODS[method](operands)
    monkeypatch.setattr(operands_module, "PART", 1 << 18)
    whole = METHODS[method](operands)
    torch.testing.assert_close(in_parts.tensor, whole.tensor, rtol=0, atol=1e-6)
    assert in_parts.kept == whole.kept


@pytest.mark.parametrize("method", TRIMMED)
@pytest.mark.parametrize("scope", ["tensor", "row"])
@given(shape=shapes, seed=seeds, density=st.floats(0.01, 1), gamma=st.floats(0, 0.99), grid=st.booleans())
@quick
def test_the_kept_fraction_is_the_density(method, scope, shape, seed, density, gamma, grid):
    operands = make(shape, seed=seed, density=density, gamma=min(gamma, 1 - density), scale=1.0)
    if grid:  # most differences are equal to others, and many are zero
        rounded = [
            replace(one, tensor=(one.tensor - operands.base).round() + operands.base.round())
            for one in operands.experts
        ]
        operands = replace(operands, base=operands.base.round(), experts=rounded)
    length = operands.rows[1] if scope == "row" else math.prod(shape)
    for kept in METHODS[method](replace(operands, scope=scope)).kept:
        assert abs(kept - density) <= 1 / length + 1e-9
        assert kept > 0


def brute_trim(delta, density, gamma):
    count = max(1, round(density * delta.numel()))
    removed = min(round(gamma * delta.numel()), delta.numel() - count)
    order = delta.abs().reshape(-1).argsort(descending=True, stable=True)
    mask = torch.zeros(delta.numel(), dtype=torch.bool)
    mask[order[removed : removed + count]] = True
    return delta * mask.reshape(delta.shape)


def brute_elect(deltas, weights, average):
    stacked = torch.stack([w * d for w, d in zip(weights, deltas, strict=True)]).double()
    agree = stacked.sign() == stacked.sum(0).sign()
    total = (stacked * agree).sum(0)
    if not average:
        return total
    shape = (-1, *[1] * deltas[0].ndim)
    support = (torch.tensor(weights).double().reshape(shape) * (agree & (stacked != 0))).sum(0)
    return torch.where(support > 0, total / support, 0.0)


@pytest.mark.parametrize("method", TRIMMED)
@pytest.mark.parametrize("average", [True, False])
@given(shape=shapes, seed=seeds)
@quick
def test_trimmed_methods_against_their_definition(method, average, shape, seed):
    gamma = 0.0 if method == "ties" else 0.2
    operands = make(shape, seed=seed, density=0.5, gamma=0.2)
    weights = [0.3, 1.1, 0.6]
    experts = [replace(one, weight=w) for one, w in zip(operands.experts, weights, strict=True)]
    deltas = [brute_trim(one.tensor - operands.base, 0.5, gamma) for one in experts]
    if method == "breadcrumbs":
        expected = sum(w * d for w, d in zip(weights, deltas, strict=True)) / (sum(weights) if average else 1)
    else:
        expected = brute_elect(deltas, weights, average)
    merged = METHODS[method](replace(operands, experts=experts, factor=0.7, normalize=average)).tensor
    torch.testing.assert_close(merged, (operands.base + 0.7 * expected).float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", ["breadcrumbs", "breadcrumbs_ties"])
def test_negative_weights_count_against_where_nothing_is_averaged(method):
    operands = replace(make(weight=-0.5, density=1.0, gamma=0.0), normalize=False)
    sole = replace(operands, experts=operands.experts[:1])
    expected = operands.base - 0.5 * (operands.experts[0].tensor - operands.base)
    torch.testing.assert_close(METHODS[method](sole).tensor, expected)


def test_an_entry_whose_sum_is_zero_elects_no_sign():
    base = torch.zeros(2)
    experts = [Expert(torch.tensor([1.0, 3.0])), Expert(torch.tensor([-1.0, -2.0]))]
    assert METHODS["ties"](Operands(base, experts, torch.float32)).tensor.tolist() == [0.0, 3.0]


def test_linear_is_the_weighted_mean_and_without_normalize_the_sum():
    operands = make()
    weights = [0.2, 0.5, 1.1]
    experts = [replace(one, weight=w) for one, w in zip(operands.experts, weights, strict=True)]
    total = sum(w * one.tensor for w, one in zip(weights, experts, strict=True))
    operands = replace(operands, experts=experts)
    torch.testing.assert_close(METHODS["linear"](operands).tensor, total / sum(weights))
    torch.testing.assert_close(METHODS["linear"](replace(operands, normalize=False)).tensor, total)


def test_task_arithmetic_adds_the_differences():
    operands = replace(make(weight=0.3), factor=2.0, normalize=False)
    expected = operands.base + 2.0 * sum(0.3 * (one.tensor - operands.base) for one in operands.experts)
    torch.testing.assert_close(METHODS["task_arithmetic"](operands).tensor, expected)


def slerp_in_double(base, other, t):
    a, b = base.double().reshape(-1), other.double().reshape(-1)
    angle = torch.acos((a / a.norm()).dot(b / b.norm()))
    return (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()


@pytest.mark.parametrize("t", [0.0, 0.25, 0.5, 1.0])
def test_slerp_is_on_the_arc(t):
    base, other = random((5, 8), 1), random((5, 8), 2)
    merged = METHODS["slerp"](Operands(base, [Expert(other)], torch.float32, t=t)).tensor
    torch.testing.assert_close(merged.reshape(-1).double(), slerp_in_double(base, other, t), rtol=1e-5, atol=1e-6)
    if t in {0.0, 1.0}:
        assert same(merged, base if t == 0.0 else other)


@pytest.mark.parametrize(("cosine", "linear"), [(0.99, False), (0.9994, False), (0.9996, True)])
def test_slerp_leaves_the_arc_only_where_tensors_are_parallel(cosine, linear):
    base = torch.tensor([1.0, 0.0])
    other = torch.tensor([cosine, math.sqrt(1 - cosine**2)])
    merged = METHODS["slerp"](Operands(base, [Expert(other)], torch.float32, t=0.5))
    assert (merged.rule is not None) == linear
    length = float(merged.tensor.norm())
    assert length == pytest.approx(math.sqrt((1 + cosine) / 2) if linear else 1.0, abs=1e-6)


def test_slerp_of_parallel_or_zero_tensors_is_linear_and_says_so():
    base = random((50,), 1)
    near = METHODS["slerp"](Operands(base, [Expert(2 * base)], torch.float32, t=0.25))
    torch.testing.assert_close(near.tensor, 1.25 * base)
    zero = METHODS["slerp"](Operands(base, [Expert(0 * base)], torch.float32, t=0.25))
    torch.testing.assert_close(zero.tensor, 0.75 * base)
    assert near.rule == "linear: parallel tensors"
    assert zero.rule == "linear: a tensor is zero"
    assert METHODS["slerp"](Operands(base, [Expert(random((50,), 2))], torch.float32)).rule is None


def test_directions_without_a_mean_are_an_error():
    base = random((50,), 1)
    with pytest.raises(DirectionError, match="antiparallel"):
        METHODS["slerp"](Operands(base, [Expert(-base)], torch.float32))
    with pytest.raises(DirectionError, match="cancel out"):
        METHODS["multislerp"](Operands(None, [Expert(base), Expert(-base)], torch.float32))


def test_multislerp_of_two_is_slerp_in_direction_and_the_mean_in_length():
    one, two = random((60,), 1), 3 * random((60,), 2)
    merged = METHODS["multislerp"](Operands(None, [Expert(one), Expert(two)], torch.float32)).tensor
    middle = one / one.norm() + two / two.norm()
    torch.testing.assert_close(merged / merged.norm(), middle / middle.norm())
    torch.testing.assert_close(merged.norm(), (one.norm() + two.norm()) / 2)


def test_multislerp_takes_one_step_of_the_karcher_mean():
    tensors = [random((60,), seed, scale=1.0 + seed) for seed in range(3)]
    weights = [0.2, 0.3, 0.5]
    units = [t.double() / t.double().norm() for t in tensors]
    mean = sum(w * u for w, u in zip(weights, units, strict=True))
    mean = mean / mean.norm()
    step = torch.zeros(60, dtype=torch.double)
    for w, u in zip(weights, units, strict=True):
        angle = torch.acos(u.dot(mean))
        step += w * angle / angle.sin() * (u - angle.cos() * mean)
    expected = step.norm().cos() * mean + step.norm().sin() * step / step.norm()
    expected *= sum(w * t.double().norm() for w, t in zip(weights, tensors, strict=True))
    experts = [Expert(t, weight=4 * w) for t, w in zip(tensors, weights, strict=True)]
    merged = METHODS["multislerp"](Operands(None, experts, torch.float32)).tensor
    torch.testing.assert_close(merged.double(), expected, rtol=1e-5, atol=1e-6)
    base = random((60,), 9)
    shifted = [replace(one, tensor=one.tensor + base) for one in experts]
    on_base = METHODS["multislerp"](Operands(base, shifted, torch.float32)).tensor
    torch.testing.assert_close(on_base.double(), expected + base, rtol=1e-4, atol=1e-5)


def test_multislerp_of_zero_differences_is_the_base_and_says_so():
    base = random((9,), 1)
    merged = METHODS["multislerp"](Operands(base, [Expert(base.clone()), Expert(base.clone())], torch.float32))
    assert same(merged.tensor, base)
    assert merged.rule == "zero: no tensor has a direction"


@pytest.mark.parametrize("method", ["dare_linear", "dare_ties"])
def test_dare_drops_at_random_and_rescales(method):
    base = torch.zeros(100, 100)
    merged = METHODS[method](Operands(base, [Expert(torch.ones(100, 100), density=0.25, key=5)], torch.float32))
    assert set(merged.tensor.unique().tolist()) == {0.0, 4.0}
    assert merged.kept[0] == pytest.approx(0.25, abs=0.02)
    assert merged.kept[0] == int((merged.tensor > 0).sum()) / 10_000


def test_experts_drop_different_entries_and_equal_keys_the_same():
    base, one = torch.zeros(1000), torch.ones(1000)

    def dropped(key):
        merged = METHODS["dare_linear"](Operands(base, [Expert(one, density=0.5, key=key)], torch.float32))
        return merged.tensor == 0

    assert torch.equal(dropped(1), dropped(1))
    for other in (2, 1 << 40):
        assert 400 < int((dropped(1) ^ dropped(other)).sum()) < 600


def test_della_keeps_large_entries_more_often_and_rescales_by_the_chance():
    rows = torch.arange(1.0, 101.0).repeat(400, 1)
    experts = [Expert(rows, density=0.5, epsilon=0.3, key=11)]
    merged = METHODS["della"](Operands(torch.zeros_like(rows), experts, torch.float32, normalize=False)).tensor
    kept = (merged != 0).float().mean(0)
    assert float(kept[:10].mean()) == pytest.approx(0.227, abs=0.03)
    assert float(kept[-10:].mean()) == pytest.approx(0.773, abs=0.03)
    chances = torch.linspace(0.2, 0.8, 100)
    torch.testing.assert_close(merged, rows / chances * (merged != 0))


@pytest.mark.parametrize("method", ON_DELTAS)
@pytest.mark.parametrize("shape", [(1,), (5, 1), (1, 1), (0,)])
def test_tiny_tensors_are_merged_and_not_zeroed(method, shape):
    """Seen elsewhere: int(gamma N) = 0 zeroes a small tensor, and DELLA fails on rows of one entry."""
    operands = make(shape, density=0.5, gamma=0.1, epsilon=0.1)
    merged = METHODS[method](replace(operands, normalize=False))
    assert merged.tensor.shape == shape
    if method in {*TRIMMED, "della"} and shape == (1,):
        assert merged.kept == [1.0] * 3


def test_della_keeps_rows_of_one_entry_as_they_are():
    operands = make((300, 1), count=1, density=0.5, epsilon=0.1)
    merged = METHODS["della"](operands)
    assert merged.kept == [1.0]
    torch.testing.assert_close(merged.tensor, operands.experts[0].tensor)


@pytest.mark.parametrize("method", ["breadcrumbs", "breadcrumbs_ties"])
def test_gamma_zero_keeps_the_largest(method):
    """Seen elsewhere: gamma = 0 zeroes the whole difference."""
    operands = make(density=0.3, gamma=0.0, count=1)
    merged = METHODS[method](replace(operands, normalize=False)).tensor - operands.base
    expected = brute_trim(operands.experts[0].tensor - operands.base, 0.3, 0.0)
    torch.testing.assert_close(merged, expected, rtol=0, atol=1e-6)


def test_arithmetic_is_fp32_whatever_the_storage():
    """Seen elsewhere: sums in bf16 change a fifth of the weights. Rounding happens once, at the end."""
    operands = make((64, 64), count=5, dtype=torch.bfloat16, weight=0.2, density=0.5, gamma=0.1)
    for method in ("linear", "task_arithmetic", "ties", "breadcrumbs_ties"):
        wide = replace(operands, dtype=torch.float32)
        assert same(METHODS[method](operands).tensor, METHODS[method](wide).tensor.bfloat16())


def test_what_is_measured_on_the_way():
    operands = make((200, 200), count=5, dtype=torch.bfloat16, weight=0.2, scale=1e-2)
    merged = METHODS["linear"](operands)
    wide = METHODS["linear"](replace(operands, dtype=torch.float32)).tensor.double()
    base, rounded = operands.base.double(), merged.tensor.double()
    survival = 1 - (rounded - wide).norm() / (wide - base).norm()
    assert merged.survival == pytest.approx(float(survival), abs=1e-4)
    assert merged.survival == pytest.approx(0.65, abs=0.03)  # 35% is lost: five independent differences of 1%
    cosine = torch.nn.functional.cosine_similarity(base.reshape(-1), rounded.reshape(-1), dim=0)
    assert merged.cosine == pytest.approx(float(cosine), abs=1e-6)
    assert METHODS["linear"](replace(operands, base=None)).cosine is None
    same_model = replace(operands, experts=[Expert(operands.base)])
    assert METHODS["linear"](same_model).survival is None
