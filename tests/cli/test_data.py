import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from clueplus.data.imported import write_imported
from clueplus.registry import Catalog

Cli = Any


def test_status_tells_what_is_absent(cli: Cli) -> None:
    rows = json.loads(cli("data", "status", "--json").out)
    assert {row["state"] for row in rows} == {"absent"}
    declared = [
        (spec.name, name)
        for spec in Catalog().tasks.values()
        for name, variant in spec.metadata.variants.items()
        for _ in variant.sources or [variant.imported]
        if variant.access != "shipped"
    ]
    assert [(row["task"], row["variant"]) for row in rows] == declared
    assert "absent" in cli("data", "status", "medec").out


def test_status_tells_of_an_import_when_it_was_made_and_how_many_documents_it_has(cli: Cli, tmp_path: Path) -> None:
    write_imported(tmp_path / "no-data", "mednli", "official", {"test": [{"id": "a"}, {"id": "b"}]}, sources={})
    (row,) = [r for r in json.loads(cli("data", "status", "mednli", "--json").out) if r["variant"] == "official"]
    assert (row["state"], row["documents"], row["tier"]) == ("present", {"test": 2}, "restricted")
    assert row["file"] == "restricted/mednli/official.jsonl"
    assert row["place"] == str(tmp_path / "no-data" / row["file"])
    shown = cli("data", "status", "mednli").out
    assert f"restricted/mednli/official.jsonl (2 test; {row['imported'][:10]})" in shown
    Path(row["place"]).chmod(0o600)
    Path(row["place"]).write_text("changed\n")
    assert {r["state"] for r in json.loads(cli("data", "status", "mednli", "--json").out)} == {"absent", "changed"}


def test_verify_without_data_is_one_line_with_the_fix(cli: Cli) -> None:
    result = cli("data", "verify", "medec")
    assert result.code == 2
    assert "clueplus data fetch" in result.error


def test_fetch_from_a_mirror_then_verify(cli: Cli, data_mirror: Path) -> None:
    result = cli("data", "fetch", "medec", "icd10cm", "--mirror", data_mirror)
    assert result.code == 0
    assert "4 fetched, 0 already there" in result.err
    assert "0 fetched, 4 already there" in cli("data", "fetch", "medec,icd10cm", "--mirror", data_mirror).err
    result = cli("data", "verify", "medec")
    assert result.code == 0
    assert "597 test documents, 574 few-shot examples" in result.out
    assert {row["state"] for row in json.loads(cli("data", "status", "medec", "--json").out)} == {"present"}


@pytest.mark.parametrize("damage", ["truncated", "changed"])
def test_a_damaged_file_is_named_with_what_was_expected_and_found(
    cli: Cli, data_mirror: Path, tmp_path: Path, damage: str
) -> None:
    mirror = tmp_path / "mirror"
    shutil.copytree(data_mirror / "medec_ms", mirror / "medec_ms")
    path = next((mirror / "medec_ms").glob("*TestSet*"))
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(content[:-10] if damage == "truncated" else content.replace(b"hepatitis A", b"hepatitis B", 1))
    result = cli(
        "evaluate", "--model", "baseline:majority", "--variant", "official", "--tasks", "medec", "--mirror", mirror
    )
    assert result.code == 2
    for word in (path.name, "expected sha256 f35e2c3c", "found "):
        assert word in result.error
    assert not list(tmp_path.glob("results/*/2*")), "no run is recorded"
    assert cli("data", "fetch", "medec", "--mirror", mirror).code == 2
    rows = json.loads(cli("data", "status", "medec", "--json").out)
    assert [row["state"] for row in rows if "TestSet" in row["file"]] == ["absent"], "nothing half-written stays"


def test_the_always_minus_one_answer_scores_47_9_on_the_real_file(cli: Cli, data_mirror: Path) -> None:
    result = cli(
        "evaluate", "--model", "baseline:majority", "--variant", "official", "--tasks", "medec", "--mirror", data_mirror
    )
    assert result.code == 0
    (row,) = [line for line in result.out.splitlines() if line.startswith("medec ")]
    assert row.split()[:3] == ["medec", "597", "47.9"]
