"""`--cluster ray`: refused with the way out where it can't work; where ray is installed, the same rows as without."""

import os
import sys
from pathlib import Path

import pytest

from clueplus.cli.synth_console import SynthReporter
from clueplus.errors import ClueplusError
from clueplus.evaluation.options import Options
from clueplus.training.synthesis.cluster import synthesise_on_ray
from clueplus.training.synthesis.order import Order
from clueplus.training.synthesis.reading import read_rows
from clueplus.training.synthesis.recipe import read_recipe
from clueplus.training.synthesis.run import synthesise
from tests.support.fake_server import fake_server
from tests.support.synthesis import spoilt


def order(folder: Path, *urls: str) -> Order:
    options = Options(model="fake", base_urls=urls, concurrency=4)
    return Order(read_recipe("mediflow"), 20, folder, options, block=5)


def test_without_ray_the_install_line_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClueplusError, match=r"ray is not installed. Fix: pip install 'clueplus\[ray\]'"):
        synthesise_on_ray(order(tmp_path, "http://127.0.0.1:1/v1"), SynthReporter())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_the_same_rows_are_made_on_ray(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    with pytest.raises(ClueplusError, match="asks servers that run already"):
        synthesise_on_ray(order(tmp_path / "none"), SynthReporter())
    found = os.pathsep.join([str(Path(__file__).resolve().parents[3]), os.environ.get("PYTHONPATH", "")])
    ray.init(num_cpus=2, include_dashboard=False, runtime_env={"env_vars": {"PYTHONPATH": found}})
    try:
        with fake_server(spoilt(5), vllm=True) as server:
            _, here = synthesise(order(tmp_path / "here", server.base_url), SynthReporter())
            asked = len(server.requests)
            _, there = synthesise_on_ray(order(tmp_path / "there", server.base_url), SynthReporter())
            assert len(server.requests) == 2 * asked
            _, again = synthesise_on_ray(order(tmp_path / "there", server.base_url), SynthReporter())
            assert (len(server.requests), again.before) == (2 * asked, 20)
    finally:
        ray.shutdown()
    assert there.tally == here.tally
    assert [*read_rows(tmp_path / "there")] == [*read_rows(tmp_path / "here")]
