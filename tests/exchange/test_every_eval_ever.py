"""Exports against the schema files and the validator of the package every-eval-ever itself."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from clueplus.exchange.every_eval_ever import SCHEMA_VERSION, Export, to_every_eval_ever
from clueplus.exchange.lm_eval_export import measures
from clueplus.files import sha256
from clueplus.records.run import ModelRecord
from clueplus.registry import Catalog
from tests.exchange.conftest import Recorded

# tools/install_dev.sh puts it there, without what it requires: a newer Python and other versions than ours.
PACKAGE = Path(sys.prefix) / "share" / "every-eval-ever"
CATALOG = Catalog()

_VALIDATE = """
import sys
from pathlib import Path
from every_eval_ever.validator.validation_core import validate_file

root = Path(sys.argv[1])
files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
assert len(files) == int(sys.argv[2]), files
for name, path in files.items():
    report = validate_file(path, repo_path=name, available_files=frozenset(files), run_semantic_checks=True,
                           read_repo_file=lambda wanted: files[wanted].read_text())
    assert report.valid and not report.errors and not report.warnings, (report.errors, report.warnings)
print("valid")
"""


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    folder = PACKAGE / "every_eval_ever" / "schemas"
    if not folder.is_dir():
        pytest.skip(f"the package every-eval-ever is not in {PACKAGE}: tools/install_dev.sh puts it there")
    names = {"aggregate": "eval.schema.json", "row": "instance_level_eval.schema.json"}
    return {name: json.loads((folder / file).read_text()) for name, file in names.items()}


@pytest.fixture(scope="module")
def export(ours: Recorded) -> Export:
    return to_every_eval_ever(ours.record, ours.items, CATALOG.tasks)


def test_the_schema_is_of_the_version_that_we_name(schemas: dict[str, Any]) -> None:
    assert {schema["version"] for schema in schemas.values()} == {SCHEMA_VERSION}


def test_every_file_is_of_the_schema(schemas: dict[str, Any], export: Export) -> None:
    from jsonschema import Draft7Validator

    *_, aggregate = export.files().values()
    Draft7Validator(schemas["aggregate"]).validate(json.loads(aggregate))
    row = Draft7Validator(schemas["row"])
    for each in export.rows:
        row.validate(each)
    assert len(export.rows) > 50


@pytest.mark.parametrize("items", [True, False])
def test_their_validator_finds_nothing(schemas: dict[str, Any], ours: Recorded, tmp_path: Path, items: bool) -> None:
    for name, content in to_every_eval_ever(ours.record, ours.items if items else [], CATALOG.tasks).files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    done = subprocess.run(
        [sys.executable, "-c", _VALIDATE, str(tmp_path), "2" if items else "1"],
        env={"PYTHONPATH": str(PACKAGE)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout == "valid\n", done.stderr[-1500:]


def test_every_number_is_there_and_every_lack_has_its_reason(export: Export, ours: Recorded) -> None:
    found = {
        result["evaluation_result_id"]: result["score_details"] for result in export.aggregate["evaluation_results"]
    }
    details = export.aggregate["source_metadata"]["additional_details"]
    for task in ours.record.tasks:
        for name, measure in measures(task).items():
            if measure.value is None:
                assert f"{task.name}.{name}" not in found
                assert details[f"not computed: {task.name}.{name}"] == measure.reason
                continue
            score = found[f"{task.name}.{name}"]
            assert score["score"] == measure.value
            assert score["uncertainty"]["num_samples"] == measure.n
            interval = score["uncertainty"]["confidence_interval"]
            assert (interval["lower"], interval["upper"]) == (measure.low, measure.high)
        share = task.outcomes["unscorable"] / sum(task.outcomes.values())
        assert found[f"{task.name}.unscorable"]["score"] == share
    assert "not computed: meqsum.score" in details


def test_the_rows_average_to_the_scores(export: Export) -> None:
    sums: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for row in export.rows:
        sums[row["evaluation_result_id"]] += row["evaluation"]["score"]
        counts[row["evaluation_result_id"]] += 1
    for result in export.aggregate["evaluation_results"]:
        name = result["evaluation_result_id"]
        if name in counts:
            assert sums[name] / counts[name] == pytest.approx(result["score_details"]["score"], abs=1e-12)
            assert counts[name] == result["score_details"]["uncertainty"]["num_samples"]
    assert {"medec.accuracy", "medec.flag_accuracy", "meqsum.rouge_l"} <= set(counts)


def test_rows_hold_hashes_in_the_place_of_texts(export: Export) -> None:
    for row in export.rows:
        (output,) = row["output"]["raw"]
        assert row["input"]["reference"] == []
        assert row["input"]["raw"].startswith("sha256:")
        assert output.startswith("sha256:")
        assert len(row["sample_hash"]) == 64


def test_only_unparsed_answers_are_better_when_fewer(export: Export) -> None:
    for result in export.aggregate["evaluation_results"]:
        unscorable = result["evaluation_result_id"].endswith(".unscorable")
        assert result["metric_config"]["lower_is_better"] == unscorable


def test_only_a_full_score_is_correct(export: Export) -> None:
    scores = {(row["evaluation"]["score"] == 1, row["evaluation"]["is_correct"]) for row in export.rows}
    assert scores == {(True, True), (False, False)}
    assert any(0 < row["evaluation"]["score"] < 1 for row in export.rows)


def test_a_run_is_told_from_scores_without_items(export: Export, ours: Recorded) -> None:
    without = to_every_eval_ever(ours.record, [], CATALOG.tasks)
    kinds = [each.aggregate["source_metadata"]["source_type"] for each in (export, without)]
    assert kinds == ["evaluation_run", "documentation"]


def test_the_identifier_is_of_benchmark_model_and_time(export: Export, ours: Recorded) -> None:
    expected = f"clueplus/local/fake/{int(ours.record.created.timestamp())}"
    assert export.aggregate["evaluation_id"] == expected
    assert {row["evaluation_id"] for row in export.rows} == {expected}


def test_the_aggregate_names_its_rows(export: Export) -> None:
    (rows_path, rows), (path, aggregate) = export.files().items()
    told = json.loads(aggregate)["detailed_evaluation_results"]
    assert (told["file_path"], told["checksum"], told["total_rows"]) == (rows_path, sha256(rows), len(export.rows))
    assert path == export.path


def test_the_same_run_makes_the_same_files(export: Export, ours: Recorded) -> None:
    assert to_every_eval_ever(ours.record, ours.items, CATALOG.tasks).files() == export.files()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"name": "baseline:lead", "kind": "baseline"}, "clueplus/baseline-lead"),
        ({"name": "mediphi", "spec": {"weights": "microsoft/MediPhi"}}, "microsoft/MediPhi"),
        ({"name": "org/model"}, "org/model"),
        ({"name": "/home/me/ckpt"}, "local/ckpt"),
        ({"name": "my ckpt: 7"}, "local/my-ckpt-7"),
    ],
)
def test_a_model_has_an_id_of_developer_and_name(ours: Recorded, changes: dict[str, Any], name: str) -> None:
    model: ModelRecord = ours.record.model.model_copy(update=changes)
    found = to_every_eval_ever(ours.record.model_copy(update={"model": model}), [], CATALOG.tasks)
    assert found.aggregate["model_info"]["id"] == name
    assert found.path.startswith(f"data/clueplus/{name}/")
