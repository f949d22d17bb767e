import json
from typing import Any

import pytest

Cli = Any


def test_tasks_list_names_tasks_variants_and_groups(cli: Cli) -> None:
    result = cli("tasks", "list")
    assert result.code == 0
    for word in ("meqsum", "medec", "aci_bench", "icd10cm", "official (open)", "group clueplus_open"):
        assert word in result.out


def test_tasks_list_as_json(cli: Cli) -> None:
    listed = json.loads(cli("tasks", "list", "--json").out)
    assert listed["groups"]["clueplus_open"] == ["meqsum", "medec", "aci_bench", "icd10cm"]
    assert {task["name"]: task["shots"] for task in listed["tasks"]}["medec"] == 2
    assert {task["name"] for task in listed["tasks"] if "clue-2024" in task["scoring"]} >= {"mednli", "sdoh"}


def test_tasks_show_gives_the_card_and_the_pinned_sources(cli: Cli) -> None:
    result = cli("tasks", "show", "medec")
    assert result.code == 0
    assert "70268d24e3ce0cd6d0e099ff7bfd4966f2bbcc28" in result.out
    assert "sha256 f35e2c3c" in result.out


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
