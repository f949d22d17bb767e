import pytest

from clueplus.errors import ClueplusError
from clueplus.evaluation.serving import device_slices


def test_each_replica_gets_accelerators_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0, 2,5,7")
    found = [environment["CUDA_VISIBLE_DEVICES"] for environment in device_slices(2, 2)]
    assert found == ["0,2", "5,7"]
    assert [e["CUDA_VISIBLE_DEVICES"] for e in device_slices(4, 1)] == ["0", "2", "5", "7"]


def test_one_server_may_have_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert device_slices(1, 2) == [{}]


def test_more_replicas_than_accelerators_are_refused_with_the_number_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    with pytest.raises(
        ClueplusError, match=r"3 replicas of 2 accelerators need 6, and 4 are visible. Fix: --replicas 2"
    ):
        device_slices(3, 2)
    with pytest.raises(ClueplusError, match="lower the parallel sizes"):
        device_slices(2, 8)


def test_a_machine_without_accelerators_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device_slices(3, 1) == [{}, {}, {}]


def test_accelerators_are_listed_where_nothing_is_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    import subprocess

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    listed = "GPU 0: NVIDIA H100 (UUID: GPU-a)\nGPU 1: NVIDIA H100 (UUID: GPU-b)\n"
    monkeypatch.setattr("subprocess.run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=listed, stderr=""))
    assert [e["CUDA_VISIBLE_DEVICES"] for e in device_slices(2, 1)] == ["0", "1"]
