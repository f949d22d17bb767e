"""`clueplus merge`: what a user types, sees, and gets wrong."""

import json
import sys

import pytest

from tests.training.merging.conftest import weights, write

CONFIG = """\
merge_method: breadcrumbs_ties
base_model: base
models:
  - model: one
    parameters: {weight: 0.6}
  - model: two
parameters: {weight: 0.4, density: 0.5, gamma: 0.1}
"""


@pytest.fixture
def config(tmp_path):
    for seed, name in enumerate(("base", "one", "two")):
        write(tmp_path / name, weights(seed))
    path = tmp_path / "merge.yaml"
    path.write_text(CONFIG)
    return path


def test_a_merge_and_its_report(cli, config, tmp_path):
    result = cli("merge", config, "out", "--report", "out.html")
    assert result.code == 0, result.err
    assert "breadcrumbs_ties: 1,041 parameters" in result.out
    assert "kept fraction, median: 0.5" in result.out
    assert "checkpoint: out" in result.out
    assert "note: the chat template's end token 3 was missing" in result.err
    page = (tmp_path / "out.html").read_text()
    assert "<svg" in page
    assert json.loads((tmp_path / "out/merge_report.json").read_text())["weights"] in page
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"),
        *("model.safetensors", "merge_report.json", "mergekit_config.yml"),
    }


def test_json_is_the_report(cli, config, tmp_path):
    result = cli("merge", config, "out", "--json", "--report", "copy/report.json")
    report = json.loads(result.out)
    assert report["method"] == "breadcrumbs_ties"
    assert report == json.loads((tmp_path / "out/merge_report.json").read_text())
    assert report == json.loads((tmp_path / "copy/report.json").read_text())


def test_a_dry_run_tells_sizes_and_writes_nothing(cli, config, tmp_path):
    before = sorted(path.name for path in tmp_path.iterdir())
    result = cli("merge", config, "out", "--dry-run")
    assert result.code == 0, result.err
    assert "breadcrumbs_ties of one, two on base" in result.out
    assert "1,041 parameters in 7 tensors" in result.out
    plan = json.loads(cli("merge", config, "out", "--dry-run", "--json").out)
    assert plan["write_bytes"] == 2 * 1041
    assert plan["read_bytes"] == 3 * 2 * 1041
    assert plan["memory_bytes"] > 1e8
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("gamma: 0.1", "gama: 0.1", "unknown parameter 'gama' for breadcrumbs_ties. Fix: did you mean gamma"),
        ("base_model", "basemodel", "unknown key 'basemodel'; did you mean base_model"),
        ("breadcrumbs_ties", "breadcrumb_ties", "did you mean breadcrumbs_ties"),
        ("gamma: 0.1", "gamma: 0.6", "one: gamma 0.6 + density 0.5 is more than 1"),
        ("model: two", "model: tow", "no folder 'tow'"),
        ("merge_method: b", "merge_method: [", "not valid YAML"),
    ],
)
def test_a_mistake_is_one_line(cli, config, old, new, words):
    config.write_text(config.read_text().replace(old, new))
    result = cli("merge", config, "out")
    assert result.code == 2
    assert words in result.error


def test_a_missing_file_and_a_folder_in_the_way(cli, config, tmp_path):
    assert "nothing.yaml: can't be read" in cli("merge", "nothing.yaml", "out").error
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine")
    for more in ([], ["--dry-run"]):
        assert "out exists. Fix: choose another folder" in cli("merge", config, "out", *more).error
    assert "ends neither in .html nor in .json" in cli("merge", config, "new", "--report", "x.pdf").error


def test_without_torch_the_install_command_is_told(cli, config, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("clueplus.training.merging.plan.find_spec", lambda name: None)
    assert cli("merge", config, "out").error == "error: no torch to merge with. Fix: pip install 'clueplus[train]'"


def test_the_help_has_examples(cli):
    assert "clueplus merge merge.yaml merged --dry-run" in cli("merge", "--help").out


def test_ctrl_c_leaves_nothing_and_promises_nothing(cli, config, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("clueplus.training.merging.output.ShardWriter.write", interrupted)
    result = cli("merge", config, "out")
    assert (result.code, result.err.splitlines()[-1]) == (130, "interrupted")
    assert not (tmp_path / "out").exists()
