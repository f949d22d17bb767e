"""What several tests of corpora share."""

import pytest

from clueplus.data import Library
from clueplus.registry import Catalog
from clueplus.training.corpora.surroundings import Surroundings


@pytest.fixture(scope="session")
def at_hand(request, tmp_path_factory):
    """Surroundings with every test split of this machine: the samples, and what a mirror has. Read once: it is slow."""
    root = tmp_path_factory.mktemp("root")
    try:
        mirror = request.getfixturevalue("data_mirror")
    except pytest.skip.Exception:
        mirror = None
    return Surroundings(Catalog(), Library(root, mirror), root)
