"""The tiny model on disk, as it is and changed, and what it answers."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clueplus.models import Answer
from tests.support.in_process import answers, requests
from tests.support.tiny_model import build_tiny_model


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """So small a model is slower on several threads, most of all beside other tests."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tiny(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="module")
def short(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a context of 128 tokens."""
    return build_tiny_model(tmp_path_factory.mktemp("short") / "model", max_length=128)


@pytest.fixture
def changed(tiny: Path, tmp_path: Path) -> Callable[..., Path]:
    """The tiny model with entries of its JSON files changed; None takes one out."""

    def change(name: str, **entries: Any) -> Path:
        folder = tmp_path / "changed"
        if not folder.exists():
            shutil.copytree(tiny, folder)
        path = folder / f"{name}.json"
        content = {**json.loads(path.read_text()), **entries}
        path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
        return folder

    return change


@pytest.fixture(scope="module")
def single(tiny: Path) -> list[Answer]:
    """Each request's answer, all alone."""
    found, spy = answers(tiny, requests(), batch=1)
    assert spy.sizes == [1] * 8
    return list(found)
