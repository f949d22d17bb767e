from pathlib import Path

import pytest

from clueplus.errors import ClueplusError
from clueplus.models.data_use import check_destinations, is_loopback, may_receive_restricted, read_data_use

GOOD = "who: Dr A. Example\nagreement: PhysioNet DUA 1.5.0\nhosts: [LLM.hospital.example, '10.1.2.3:8000']\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "data-use.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://localhost/v1", "http://[::1]:1/v1", "http://127.9.9.9"]
)
def test_this_machine_is_loopback(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/v1",
        "http://0.0.0.0/v1",
        "http://192.168.1.1:8000/v1",
        "http://8.8.8.8",
        "http://127.0.0.1.example.invalid/v1",
        "http://127.0.0.1@8.8.8.8/v1",
        "http://",
        "",
    ],
)
def test_everything_else_is_not(url: str) -> None:
    assert not is_loopback(url)
    assert not may_receive_restricted(url, None)


def test_attested_hosts_are_covered_by_name_or_by_name_and_port(tmp_path: Path) -> None:
    data_use = read_data_use(written(tmp_path, GOOD))
    assert data_use.covers("https://llm.hospital.example/v1")
    assert data_use.covers("https://llm.hospital.example:8443/v1")
    assert data_use.covers("http://10.1.2.3:8000/v1")
    assert not data_use.covers("http://10.1.2.3:8001/v1")
    assert not data_use.covers("https://hospital.example/v1")
    assert not data_use.covers("https://llm.hospital.example.evil.example/v1")
    assert not data_use.covers("https://llm.hospital.example@evil.example/v1")
    assert len(data_use.record()["sha256"]) == 64


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no data-use file"),
        ("[1, 2]", "no data-use file"),
        ("who: [", "not YAML"),
        (GOOD.replace("who: Dr A. Example\n", ""), "who"),
        (GOOD + "purpose: x\n", "purpose"),
        ("who: ''\nagreement: x\nhosts: [a]\n", "who"),
        ("who: a\nagreement: x\nhosts: []\n", "hosts"),
        ("who: a\nagreement: x\nhosts: a\n", "hosts"),
        ("1: a\n", "who|keys must be words"),
    ],
)
def test_a_data_use_file_is_strict(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ClueplusError, match=told) as error:
        read_data_use(written(tmp_path, text))
    assert "data-use.yaml" in str(error.value)


def test_a_missing_data_use_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClueplusError, match="No such file"):
        read_data_use(tmp_path / "none.yaml")


def test_a_run_is_refused_when_one_of_its_endpoints_is_elsewhere(tmp_path: Path) -> None:
    here, there = "http://127.0.0.1:1/v1", "https://llm.hospital.example/v1"
    check_destinations([here, there], [], None)
    check_destinations([here, there], ["mednli"], read_data_use(written(tmp_path, GOOD)))
    with pytest.raises(ClueplusError, match=r"llm\.hospital\.example is not this machine, and mednli is restricted"):
        check_destinations([here, there], ["mednli"], None)
