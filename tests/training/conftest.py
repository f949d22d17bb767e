"""One tiny base for all tests that train."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.tiny_model import build_tiny_model
from tests.support.training import Heard


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with a chat template that knows all three roles."""
    return build_tiny_model(tmp_path_factory.mktemp("base") / "llama", max_length=1024)


@pytest.fixture(scope="session")
def phi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("base") / "phi", max_length=1024, architecture="phi3")


@pytest.fixture(scope="session")
def tokenizer(base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)


@pytest.fixture
def heard() -> Heard:
    return Heard()
