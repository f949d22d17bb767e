from typing import Any

import pytest

from clueplus.files import sha256
from clueplus.records.labels import labels
from clueplus.registry import Catalog, Tier

DOCUMENT = {"id": "n1", "case": "c1", "sentences": ["Well."], "error_type": "diagnosis", "premise": "He is well."}


def named(tier: Tier, **changes: Any) -> dict[str, Any]:
    metadata = Catalog().task("medec").metadata.model_copy(update=changes)
    return labels(DOCUMENT, metadata, tier)


@pytest.mark.parametrize("tier", ["sample", "open"])
def test_what_anybody_may_read_is_named_as_it_is(tier: Tier) -> None:
    assert named(tier) == {"id": "n1", "cluster": "c1", "groups": {"error_type": "diagnosis"}}


def test_ids_of_restricted_documents_are_hashed_and_categories_are_not() -> None:
    found = named("restricted")
    assert found == {
        "id": sha256("n1")[:16], "cluster": sha256("c1")[:16], "groups": {"error_type": "diagnosis"},
    }  # fmt: skip


def test_a_category_that_might_be_a_piece_of_a_note_is_hashed() -> None:
    assert named("restricted", breakdowns=["premise"])["groups"] == {"premise": sha256("He is well.")[:16]}
    assert named("open", breakdowns=["premise"])["groups"] == {"premise": "He is well."}


@pytest.mark.parametrize("role", ["input", "reference"])
@pytest.mark.parametrize("tier", ["sample", "open", "restricted"])
def test_a_cluster_that_is_the_text_itself_is_hashed_in_every_tier(tier: Tier, role: str) -> None:
    assert named(tier, cluster="premise", **{role: "premise"})["cluster"] == sha256("He is well.")[:16]
