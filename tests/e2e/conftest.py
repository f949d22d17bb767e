"""One real vLLM server for all end-to-end tests: it takes a minute of two cores to start."""

import os
from collections.abc import Iterator

import pytest

from clueplus.models.server import Server
from tests.support.tiny_model import build_tiny_model
from tests.support.vllm_server import vllm_missing, vllm_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    missing = vllm_missing()
    if missing and not os.environ.get("CLUEPLUS_REQUIRE_VLLM"):
        pytest.skip(missing)
    assert not missing, missing
    folder = tmp_path_factory.mktemp("server")
    # Both a served name and a folder's name, so that the same store serves an endpoint and a checkpoint.
    model = build_tiny_model(folder / "tiny")
    # The server's settings make an answer independent of what else is asked: two clients get the same bits.
    with vllm_server(model, max_model_len=32768, log=folder / "log") as running:
        yield running
