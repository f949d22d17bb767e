import json
from pathlib import Path
from typing import Any

import pytest

from clueplus.data.imported import write_imported
from clueplus.registry import Catalog

Cli = Any


def paragraph(out: str, start: str) -> list[str]:
    """The line that starts so, and the indented ones below it."""
    lines = out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(start))
    below = lines[first + 1 :]
    return [lines[first], *below[: next((n for n, line in enumerate(below) if not line.startswith(" ")), None)]]


def test_tasks_list_names_every_task_with_access_licence_and_state(cli: Cli) -> None:
    result = cli("tasks", "list")
    assert result.code == 0
    assert len([line for line in result.out.splitlines() if " shot" in line]) == len(Catalog().tasks) == 13
    assert paragraph(result.out, "mednli: natural language inference, 3 shots")[1:] == [
        "  official                credentialed  PhysioNet-Credentialed-Health-Data-1.5.0         absent",
        "  open                    download      CC-BY-4.0                                        absent",
    ]
    assert "every task has a synthetic sample" in result.out


def test_tasks_list_names_the_groups(cli: Cli) -> None:
    out = cli("tasks", "list").out
    assert paragraph(out, "group clueplus_open") == ["group clueplus_open (4): meqsum, medec, aci_bench, icd10cm"]
    (*_, last) = paragraph(out, "group clueplus (12)")
    assert last == "  medec, aci_bench, sdoh, icd10cm"


def test_tasks_list_tells_what_is_missing_and_how_to_get_it(cli: Cli) -> None:
    missing = paragraph(cli("tasks", "list").out, "missing on this machine:")
    assert "  16 files to download, of 7 data sets" in missing
    assert "    clueplus data fetch aci_bench icd10cm medec mednli meqsum ner_ncbi_disease sdoh" in missing
    place = missing.index("  pls (official): credentialed, https://physionet.org/content/bionlp-workshop-2023-task-1a/")
    assert missing[place + 1] == "    clueplus data import pls PATH"
    assert "  longhealth (official): by URL, https://github.com/kbressem/LongHealth" in missing
    together = " ".join(line.strip() for line in missing)
    assert "medisumqa, meqsum, pls: bertscore_f1 not computed: set CLUEPLUS_BERTSCORE_MODEL" in together
    assert "medisumqa, pls: umls_f1 not computed: set CLUEPLUS_CONCEPTS" in together


def test_tasks_list_fits_a_terminal_of_100_columns(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("/data", "no-data"):
        monkeypatch.setenv("CLUEPLUS_DATA_DIR", folder)
        assert max(map(len, cli("tasks", "list").out.splitlines())) <= 100


def test_what_is_here_is_not_missing(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Presence is all that is looked at: these files are empty."""
    mirror = tmp_path / "mirror"
    for spec in Catalog().tasks.values():
        for name, variant in spec.metadata.variants.items():
            for source in variant.sources:
                (mirror / source.file).parent.mkdir(parents=True, exist_ok=True)
                (mirror / source.file).touch()
            if variant.imported:
                write_imported(tmp_path / "no-data", spec.name, name, {"test": [{"id": "a"}]}, sources={})
    out = cli("tasks", "list", "--mirror", mirror).out
    assert " absent" not in out
    missing = paragraph(out, "missing on this machine:")
    assert all(line.startswith(("  medisumqa, ", "    ")) for line in missing[1:]), "metrics, and nothing of the data"
    table, encoder = tmp_path / "terms.tsv", tmp_path / "encoder"
    table.write_text("cui\tterm\n")
    encoder.mkdir()
    (encoder / "config.json").write_text("{}")
    monkeypatch.setenv("CLUEPLUS_CONCEPTS", str(table))
    monkeypatch.setenv("CLUEPLUS_BERTSCORE_MODEL", str(encoder))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert "nothing is missing on this machine" in cli("tasks", "list", "--mirror", mirror).out


def test_tasks_list_as_json_has_everything(cli: Cli, tmp_path: Path) -> None:
    write_imported(tmp_path / "no-data", "mednli", "official", {"test": [{"id": "a"}]}, sources={})
    listed = json.loads(cli("tasks", "list", "--json").out)
    assert listed["groups"]["clueplus_open"] == ["meqsum", "medec", "aci_bench", "icd10cm"]
    assert (listed["data_folder"], listed["mirror"]) == (str(tmp_path / "no-data"), None)
    tasks = {task["name"]: task for task in listed["tasks"]}
    assert tasks["medec"]["shots"] == 2
    assert {name for name, task in tasks.items() if "clue-2024" in task["scoring"]} >= {"mednli", "sdoh"}
    assert tasks["mednli"]["groups"] == ["clue", "clueplus"]
    assert tasks["ner_ncbi_disease"]["groups"] == []
    assert tasks["mednli"]["variants"]["official"] == {
        "tier": "restricted",
        "licence": "PhysioNet-Credentialed-Health-Data-1.5.0",
        "access": "credentialed",
        "url": "https://physionet.org/content/mednli/",
        "present": True,
        "absent_files": [],
        "missing_extra": None,
        "fix": None,
    }
    assert tasks["mednli"]["variants"]["open"]["absent_files"] == [
        "sdoh_nli/sdoh_nli_test.csv",
        "sdoh_nli/sdoh_nli_train.csv",
    ]
    assert tasks["mednli"]["variants"]["sample"]["access"] == "shipped"
    assert list(tasks["pls"]["missing_measures"]) == ["bertscore_f1", "umls_f1"]
    assert tasks["mednli"]["missing_measures"] == {}


def test_tasks_show_gives_the_card_and_the_pinned_sources(cli: Cli) -> None:
    result = cli("tasks", "show", "medec")
    assert result.code == 0
    assert "70268d24e3ce0cd6d0e099ff7bfd4966f2bbcc28" in result.out
    assert "sha256 f35e2c3c" in result.out


def test_tasks_show_says_where_the_files_of_an_import_are(cli: Cli) -> None:
    out = cli("tasks", "show", "pls").out
    assert "official (restricted, credentialed, PhysioNet-Credentialed-Health-Data-1.5.0)" in out
    assert "\n  https://physionet.org/content/bionlp-workshop-2023-task-1a/\n" in out


def test_tasks_show_as_json_is_the_whole_declaration(cli: Cli) -> None:
    shown = json.loads(cli("tasks", "show", "icd10cm", "--json").out)
    assert shown["metadata"]["components"] == ["accuracy_easy", "accuracy_medium", "accuracy_hard"]


def test_models_list_has_baselines_and_checkpoints(cli: Cli) -> None:
    names = [model["name"] for model in json.loads(cli("models", "list", "--json").out)]
    assert {"baseline:majority", "baseline:lead", "baseline:nearest", "mediphi-instruct"} <= set(names)
    assert "mediphi-instruct" in cli("models", "list").out


def test_models_show_prints_the_file(cli: Cli) -> None:
    assert "kind: served" in cli("models", "show", "mediphi-instruct").out
    assert json.loads(cli("models", "show", "mediphi-instruct", "--json").out)["name"] == "mediphi-instruct"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("tasks", "show", "medek"), "did you mean medec"),
        (("models", "show", "mediphi-instrct"), "did you mean mediphi-instruct"),
        (("tasks", "lst"), "No such command"),
        (("taks",), "No such command"),
        (("tasks", "show"), "Missing argument"),
    ],
)
def test_a_mistake_is_one_line(cli: Cli, arguments: tuple[str, ...], told: str) -> None:
    result = cli(*arguments)
    assert result.code == 2
    assert told in result.error


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("evaluate",),
        ("score",),
        ("tasks",),
        ("tasks", "list"),
        ("models",),
        ("data",),
        ("data", "fetch"),
        ("data", "verify"),
    ],
)
def test_help_is_there_for_every_command(cli: Cli, arguments: tuple[str, ...]) -> None:
    result = cli(*arguments, "--help")
    assert result.code == 0
    assert "Usage: clueplus" in result.out


@pytest.mark.parametrize(
    "arguments", [("evaluate",), ("score",), ("tasks", "show"), ("models", "show"), ("data", "fetch")]
)
def test_help_of_a_command_has_an_example(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert f"clueplus {' '.join(arguments)}" in cli(*arguments, "--help").out.split("Example", 1)[1]


def test_version(cli: Cli) -> None:
    assert cli("--version").out.startswith("clueplus 0.")


def test_names_are_completed() -> None:
    from clueplus.cli.shared import complete_models, complete_tasks

    assert complete_tasks("mede") == ["medec"]
    assert complete_tasks("medec,ic") == ["medec,icd10cm"]
    assert "clueplus_open" in complete_tasks("clue")
    assert complete_models("baseline:m") == ["baseline:majority"]
