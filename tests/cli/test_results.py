import json
from pathlib import Path
from typing import Any

import pytest

from clueplus.files import sha256
from clueplus.records.run import read_run
from clueplus.registry import Catalog
from tests.support.lm_eval_files import results_of, sample_line, write_json, write_lines
from tests.support.restricted_task import CANARY, documents, write_restricted_task

Cli = Any


@pytest.fixture
def run_folder(cli: Cli) -> Path:
    result = cli("evaluate", "--model", "baseline:nearest", "--tasks", "medec,meqsum", "--limit", 5, "--json")
    return Path("results/baseline-nearest") / json.loads(result.out)["run"]


def test_an_export_goes_to_standard_output_and_comes_back(cli: Cli, run_folder: Path) -> None:
    exported = cli("results", "export", run_folder, "--to", "lm-eval")
    assert (exported.code, exported.err) == (0, "")
    Path("results.json").write_text(exported.out)
    result = cli("results", "import", "results.json", "--results-dir", "in", "--json")
    assert (result.code, result.err) == (0, "")
    found, (_, own, _) = json.loads(result.out), read_run(run_folder)
    assert [task["score"]["value"] for task in found["tasks"]] == [task.score.value for task in own.tasks]
    assert Path("in/baseline-nearest", found["run"], "run.json").is_file()


def test_an_export_to_a_file_is_told_on_standard_error(cli: Cli, run_folder: Path) -> None:
    result = cli("results", "export", run_folder / "run.json", "--to", "lm-eval", "--out", "a/b.json")
    assert (result.code, result.out, result.err) == (0, "", "written: a/b.json\n")
    assert json.loads(Path("a/b.json").read_text())["lm_eval_version"] == "0.4.13"


def test_every_eval_ever_gets_a_tree_of_two_files(cli: Cli, run_folder: Path) -> None:
    result = cli("results", "export", run_folder, "--to", "every-eval-ever", "--out", "store")
    assert result.code == 0
    rows, aggregate = sorted(path for path in Path("store").rglob("*") if path.is_file())[::-1]
    assert aggregate.parent == Path("store/data/clueplus/clueplus/baseline-nearest")
    told = json.loads(aggregate.read_text())["detailed_evaluation_results"]
    assert told["checksum"] == sha256(rows.read_bytes())
    assert result.err.splitlines()[-1] == f"written: {aggregate}"
    shown = json.loads(cli("results", "export", run_folder, "--to", "every-eval-ever").out)
    assert "detailed_evaluation_results" not in shown


def _files(folder: Path) -> tuple[Path, Path]:
    spec = Catalog().task("medec")
    texts = [json.loads(line) for line in (spec.folder / "sample.jsonl").read_text().splitlines()]
    tests = [{k: v for k, v in text.items() if k != "split"} for text in texts if text["split"] == "test"]
    lines = [
        sample_line(number, document, {"accuracy": 1.0}, {"flag_accuracy": 1.0}, unscorable=False, chat=True)
        for number, document in enumerate(tests[:3])
    ]
    results = results_of(spec, lines, len(tests))
    results["results"]["gsm8k"] = {"exact_match,none": 0.5}
    return write_json(folder / "r.json", results), write_lines(folder / "s.jsonl", lines)


def test_an_import_shows_the_scores_and_what_was_left_out(cli: Cli, tmp_path: Path) -> None:
    results, samples = _files(tmp_path)
    result = cli("results", "import", results, "--samples", samples)
    assert result.code == 0
    assert "ckpt, sample data" in result.out
    assert "43.9-100.0" in result.out
    assert result.err == "1 left out:\n  gsm8k: no such task here\n"


def test_an_import_without_samples_says_that_it_can_t_be_compared(cli: Cli, tmp_path: Path) -> None:
    result = cli("results", "import", _files(tmp_path)[0])
    assert result.code == 0
    assert "no items of medec: its score has no interval and can't be compared (--samples)" in result.err


def test_an_imported_run_is_not_scored_anew(cli: Cli, tmp_path: Path) -> None:
    results, samples = _files(tmp_path)
    run = json.loads(cli("results", "import", results, "--samples", samples, "--json").out)["run"]
    assert "an imported run has no stored answers" in cli("score", f"results/ckpt/{run}").error


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("export", "nowhere", "--to", "lm-eval"), "nowhere/run.json: No such file"),
        (("export", "nowhere", "--to", "lm-evil"), "'lm-evil' is not one of 'lm-eval', 'every-eval-ever'"),
        (("export", "nowhere"), "Missing option '--to'"),
        (("import", "nowhere.json"), "nowhere.json: No such file"),
        (("import", "."), ".: Is a directory"),
        (("import", "r.json", "--samples", "nowhere.jsonl"), "nowhere.jsonl: No such file"),
        (("import", "r.json", "--results-dir", "r.json"), "can't write"),
    ],
)
def test_a_mistake_is_one_line(cli: Cli, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    _files(tmp_path)
    result = cli("results", *words)
    assert result.code == 2
    assert told in result.error


def test_help_shows_examples(cli: Cli) -> None:
    for command in ("export", "import"):
        assert "clueplus results " + command in cli("results", command, "--help").out


def test_of_a_restricted_run_only_hashes_counts_and_scores_are_exported(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clueplus.errors._withheld", [])
    monkeypatch.setenv("CLUEPLUS_DATA_DIR", str(tmp_path / "data"))
    tasks = write_restricted_task(tmp_path / "tasks", tmp_path / "data")
    words = ("--tasks", "secret_notes", "--tasks-dir", tasks, "--variant", "official", "--json")
    evaluated = cli("evaluate", "--model", "baseline:lead", *words)
    assert evaluated.code == 0, evaluated.err
    folder = Path("results/baseline-lead") / json.loads(evaluated.out)["run"]
    for form in ("lm-eval", "every-eval-ever"):
        assert cli("results", "export", folder, "--to", form, "--out", f"out/{form}").code == 0
    written = [path for path in Path("out").rglob("*") if path.is_file()]
    assert len(written) == 3
    ids = {sha256(document["id"])[:16] for document in documents(40)}
    for path in written:
        text = path.read_text()
        assert CANARY not in text
        assert str(tmp_path) not in text
        if path.name.endswith("_samples.jsonl"):
            assert {json.loads(line)["sample_id"] for line in text.splitlines()} == ids
