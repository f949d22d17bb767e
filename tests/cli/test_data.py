import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from clueplus.registry import Catalog

Cli = Any


def test_status_tells_what_is_absent(cli: Cli) -> None:
    rows = json.loads(cli("data", "status", "--json").out)
    assert {row["state"] for row in rows} == {"absent"}
    fetched = [s for s in Catalog().tasks.values() if any(variant.sources for variant in s.metadata.variants.values())]
    assert {"meqsum", "medec", "aci_bench", "icd10cm"} <= {spec.name for spec in fetched}
    assert {row["task"] for row in rows} == {spec.name for spec in fetched}
    assert "absent" in cli("data", "status", "medec").out


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
