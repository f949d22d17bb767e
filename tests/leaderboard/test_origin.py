"""The page of a model whose checkpoint came with a lineage tells how it was made, and on which data."""

import json
from pathlib import Path
from typing import Any

import pytest

from clueplus.leaderboard.build import Options, build
from clueplus.leaderboard.facts import from_record
from clueplus.records.lineage import Origin
from clueplus.registry import Catalog
from tests.support.boards import board_run, write_runs

ORIGIN: dict[str, Any] = {
    "recipe": {"name": "mediphi", "sha256": "ab" * 32},
    "checkpoint": "cd" * 32,
    "steps": [
        {"name": "base", "kind": "base", "digest": "1" * 64},
        {
            "name": "codes",
            "kind": "corpus",
            "digest": "2" * 64,
            "sources": [{"name": "icd", "licence": "public <domain>", "documents": 1200, "tokens": None}],
        },
        {"name": "expert", "kind": "expert", "digest": "3" * 64, "method": "pit", "parents": ["base", "codes"]},
    ],
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("origin")
    results = write_runs(
        folder / "results",
        board_run("base", 0.4, tasks=["medec"]),
        board_run("made", 0.6, tasks=["medec"], model_fields={"origin": ORIGIN}),
    )
    assert build(Options(results, folder / "site", Catalog())).rejected == []
    assert "How it was made" not in (folder / "site/models/base.html").read_text()
    return (folder / "site/models/made.html").read_text()


def test_it_shows_steps_data_and_licences(page: str) -> None:
    assert "Recipe mediphi <code>abababababab</code>" in page
    assert '<th scope="row">expert</th><td>expert (pit)</td><td>base, codes</td>' in page
    assert '<th scope="row">icd</th><td>public &lt;domain&gt;</td><td>1,200</td><td>unknown</td>' in page


def test_it_links_the_base_that_the_lineage_names(page: str) -> None:
    assert '<a href="base.html"><bdi>base</bdi></a>' in page


def test_a_models_file_says_better_what_its_base_is() -> None:
    origin = Origin.model_validate(ORIGIN)
    assert from_record({"base": "declared"}, origin).base == "declared"
    assert from_record(None, origin).base == "base"
    assert from_record(None, None).base is None


def test_a_record_without_an_origin_is_what_it_was(tmp_path: Path) -> None:
    run = board_run("old", 0.4, tasks=["medec"])
    record = json.loads(run.record.model_dump_json())
    del record["model"]["origin"]
    assert type(run.record).model_validate(record) == run.record
