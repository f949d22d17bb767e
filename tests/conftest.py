"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest

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
