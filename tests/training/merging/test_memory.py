"""Merging in memory: inputs that stay, buffers that are used again, devices that are not here."""

import pytest
import torch

from clueplus.errors import ClueplusError
from clueplus.training.merging import loading
from clueplus.training.merging.buffers import Buffers
from clueplus.training.merging.loading import Resident, stream
from clueplus.training.merging.plan import make_plan
from clueplus.training.merging.run import merge, merge_in_memory
from tests.training.merging.conftest import SHAPES, weights, write

TIES = {"weight": 0.5, "density": 0.5}


@pytest.mark.parametrize("scope", ["tensor", "row", "global"])
def test_inputs_that_stay_give_what_the_files_give(models, configure, scope):
    plans = [make_plan(configure("ties", {**TIES, "density": density}, scope=scope)) for density in (0.2, 0.6)]
    from_files = [merge_in_memory(plan) for plan in plans]
    resident = Resident(plans[0])
    for path in models.glob("*/model.safetensors"):
        path.unlink()
    for plan, expected in zip([*plans, plans[0]], [*from_files, from_files[0]], strict=True):
        found = merge_in_memory(plan, resident.stream)
        assert found.keys() == expected.keys()
        assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())


def test_only_what_is_held_can_be_merged(models, configure):
    resident = Resident(make_plan(configure("ties", TIES, models=[{"model": "one"}])))
    with pytest.raises(ClueplusError, match=r"merge.yaml: two, three is not what was loaded on cpu"):
        merge_in_memory(make_plan(configure("ties", TIES)), resident.stream)


def test_a_merge_in_memory_is_that_of_the_files(models, configure):
    plan = make_plan(configure("ties", TIES))
    report = merge(plan, models / "out")
    again = merge_in_memory(make_plan(configure("linear", {"weight": 1}, base_model=None, models=[{"model": "out"}])))
    found = merge_in_memory(plan)
    assert [tensor.name for tensor in report.tensors] == list(found)
    assert all(torch.equal(tensor, again[name]) for name, tensor in found.items())


@pytest.mark.parametrize("device", ["cuda:99", "meta", "gpu", ""])
def test_a_device_that_is_not_here_is_named(models, configure, device):
    with pytest.raises(ClueplusError, match=f"merge.yaml: device: torch can't use '{device}' here. Fix: device: cpu"):
        make_plan(configure("ties", TIES, device=device))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_one_line(models, configure):
    with pytest.raises(ClueplusError, match="torch can't use 'cuda' here"):
        make_plan(configure("linear", device="cuda"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: agreement of CPU and GPU is not tested")
def test_cpu_and_gpu_agree_to_one_unit_in_the_last_place(models, configure):
    given = {"linear": None, "ties": TIES, "dare_ties": TIES, "breadcrumbs_ties": TIES | {"gamma": 0.1}, "della": TIES}
    for method, parameters in given.items():
        here, there = (
            merge_in_memory(make_plan(configure(method, parameters, device=device))) for device in ("cpu", "cuda")
        )
        for name, tensor in here.items():
            distance = tensor.view(torch.int16).int() - there[name].cpu().view(torch.int16).int()
            assert int(distance.abs().max()) <= 1, (method, name)


def test_a_devices_full_memory_is_one_line(models, configure, monkeypatch):
    def full(*_arguments, **_keys):
        raise torch.OutOfMemoryError("CUDA out of memory")

    plan = make_plan(configure("ties", TIES))
    monkeypatch.setattr(loading, "load", full)
    for attempt in (lambda: merge(plan, models / "out"), lambda: Resident(plan)):
        with pytest.raises(ClueplusError, match="device: cpu has not enough memory"):
            attempt()
    assert not (models / "out").exists()


def test_a_buffer_is_used_again_and_the_smallest_that_fits():
    buffers = Buffers()
    small, large = buffers.take(10), buffers.take(100)
    for one in (large, small):
        buffers.give(one)
    assert buffers.take(11) is large
    assert buffers.take(9) is small
    buffers.give(small)
    new = buffers.take(50)  # in the place of the small one
    assert new.numel() == 50
    assert buffers.take(5) is not small


def test_there_are_never_more_buffers_than_were_lent_at_one_time():
    buffers, made = Buffers(), set()
    for size in (10, 20, 30, 40, 15, 35):
        lent = [buffers.take(size + more) for more in range(3)]
        assert all(one.numel() >= size for one in lent)
        assert len({one.data_ptr() for one in lent}) == 3
        made = {one.numel() for one in lent}
        for one in lent:
            buffers.give(one)
    assert max(made) <= 42


def test_buffers_are_given_back_after_each_tensor(models, configure, monkeypatch):
    taken, given = [], []

    class Counted(Buffers):
        def take(self, size):
            taken.append(size)
            return super().take(size)

        def give(self, buffer):
            given.append(buffer)
            super().give(buffer)

    monkeypatch.setattr(loading, "Buffers", Counted)
    plan = make_plan(configure("linear"))
    for _ in stream(plan, plan.checkpoints):
        assert len(taken) - len(given) <= 2 * len(plan.checkpoints)
    assert len(taken) == len(given) == len(SHAPES) * len(plan.checkpoints)


def test_a_large_tensor_is_not_read_ahead(models, configure, monkeypatch):
    for seed, name in enumerate(("base", "one", "two", "three")):
        write(models / name, weights(seed))
    monkeypatch.setattr(loading, "read_ahead", lambda plan: 0)
    asked = []
    monkeypatch.setattr(loading, "load", lambda one, name, *_: asked.append(name) or loading.Stored(None, ""))
    plan = make_plan(configure("linear"))
    for number, (name, _) in enumerate(stream(plan, plan.checkpoints), 1):
        assert len(asked) == number * len(plan.checkpoints), name


@pytest.mark.parametrize(
    ("method", "parameters", "scope", "passes"),
    [
        ("ties", TIES, "tensor", 0),
        ("ties", TIES, "global", 2),
        ("breadcrumbs", {**TIES, "gamma": 0.1}, "global", 3),
        ("breadcrumbs", {"weight": 1, "density": 0.9, "gamma": 0.1}, "global", 2),
        ("ties", {"weight": 1}, "global", 1),
    ],
)
def test_the_plan_tells_every_byte_that_is_read(models, configure, monkeypatch, method, parameters, scope, passes):
    plan = make_plan(configure(method, parameters, scope=scope))
    size = 2 * sum(tensor.numel() for tensor in weights(0).values())
    assert plan.read_bytes == (4 + passes * 3 * 2) * size
    read = []
    load = loading.load

    def counted(checkpoint, name, device, buffers):
        entry = checkpoint.entries[name]
        read.append(entry.stop - entry.start)
        return load(checkpoint, name, device, buffers)

    monkeypatch.setattr(loading, "load", counted)
    merge_in_memory(plan)
    assert sum(read) == plan.read_bytes
