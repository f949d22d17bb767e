"""Fixtures that several test files share."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

# A busy machine is no fault of the code: examples have no deadline.
settings.register_profile("clueplus", settings(), deadline=None)
settings.load_profile("clueplus")

_MIRROR_VARIABLE = "CLUEPLUS_DATA_MIRROR"
_DEFAULT_MIRROR = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def data_mirror() -> Path:
    """The folder with local copies of the public data sets; tests that need it are skipped where it is absent.

    The variable, when set, is the only folder tried: a wrong value must not silently test other data.
    """
    folder = Path(os.environ.get(_MIRROR_VARIABLE) or _DEFAULT_MIRROR).resolve()
    if not folder.is_dir():
        pytest.skip(f"no data sets in {folder}: point the variable {_MIRROR_VARIABLE} at a folder that holds them")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow files first: a server loads on one worker while the other one runs everything else."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadFileScheduling":
    """Tests of one file on one worker, and all end-to-end tests on one: they share a server."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "tests/e2e" if nodeid.startswith("tests/e2e/") else nodeid.split("::", 1)[0]

    return ByFile(config, log)
