import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clueplus.records.run import Run, write_run
from tests.support.runs import make_items, make_run

Cli = Any


def write(run: Run) -> Path:
    """The run in the folder that it names, in the current one."""
    write_run(run.folder, run.record, run.items)
    return run.folder


@pytest.fixture
def old(cli: Cli) -> Path:
    return write(make_run({"medec": [0.0] * 9 + [1.0], "mednli": [0.5] * 10}, name="old"))


@pytest.fixture
def new(cli: Cli) -> Path:
    return write(make_run({"medec": [1.0] * 9 + [0.0], "mednli": [0.5] * 10}, name="new"))


def test_two_runs_are_a_table(cli: Cli, old: Path, new: Path) -> None:
    result = cli("compare", old, new / "run.json")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "A  old, run 20260101T000000Z, official data"
    assert lines[3].split()[:6] == ["task", "n", "A", "B", "delta", "95%"]
    assert lines[4].split()[:5] == ["medec", "10", "10.0", "90.0", "+80.0"]
    assert lines[6].startswith("mean of 2")
    assert lines[7].startswith("B is 40.0 points above A in the mean")


def test_three_runs_are_a_table_and_a_matrix(cli: Cli, old: Path, new: Path) -> None:
    result = cli("compare", old, new, old)
    assert result.code == 0
    assert "Scores (* best, or not shown to be worse)" in result.out
    assert "Mean difference: the row's run less the column's" in result.out
    assert "A-C: both are the same run" in result.out


def test_the_tasks_can_be_chosen(cli: Cli, old: Path, new: Path) -> None:
    found = json.loads(cli("compare", old, new, "--tasks", "mednli", "--json").out)
    assert [task["task"] for task in found["pairs"][0]["tasks"]] == ["mednli"]
    result = cli("compare", old, new, "--tasks", "medx")
    assert (result.code, result.error) == (
        2,
        "error: no run has a task 'medx'. Fix: did you mean medec or mednli?",
    )


def test_a_group_stands_for_its_tasks(cli: Cli) -> None:
    names = ["meqsum", "medec", "aci_bench", "icd10cm", "mednli"]
    folders = [write(make_run({task: [value, 1.0] for task in names}, name=str(value))) for value in (0.0, 1.0)]
    found = json.loads(cli("compare", *folders, "--tasks", "clueplus_open", "--json").out)
    assert [task["task"] for task in found["pairs"][0]["tasks"]] == names[:4]
    assert found["pairs"][0]["macro"]["delta"] == 0.5


def test_json_and_markdown_are_for_scripts(cli: Cli, old: Path, new: Path) -> None:
    found = json.loads(cli("compare", old, new, "--json").out)
    assert found["pairs"][0]["macro"]["delta"] == pytest.approx(0.4)
    assert "| medec | 10 | 10.0 | 90.0 | +80.0 |" in cli("compare", old, new, "--markdown").out
    result = cli("compare", old, new, "--markdown", "--json")
    assert (result.code, "choose one" in result.error) == (2, True)


def test_a_page_is_written_beside_what_is_printed(cli: Cli, old: Path, new: Path) -> None:
    result = cli("compare", old, new, "--json", "--html", "pages/compare.html")
    assert result.code == 0
    assert json.loads(result.out)["schema_version"] == 1
    assert result.err == "page: pages/compare.html\n"
    assert "new</bdi> against" in Path("pages/compare.html").read_text()


def test_a_page_that_cant_be_written_is_one_line(cli: Cli, old: Path, new: Path) -> None:
    result = cli("compare", old, new, "--html", old)
    assert result.code == 2
    assert f"can't write {old}" in result.error


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"task_fields": {"scoring": "clue-2024"}}, "medec: scoring is clueplus-1 in results/old and clue-2024 in"),
        ({"task_fields": {"shots": 1}}, "medec: shots is 3 in results/old and 1 in results/other"),
        ({"variant": "open"}, "variant is official in results/old and open in results/other"),
        (
            {"status": "incomplete", "reason": "medec: 9 of 10"},
            "status is complete in results/old and incomplete (medec",
        ),
    ],
)
def test_runs_of_other_work_are_refused_in_one_line(cli: Cli, old: Path, change: dict[str, Any], named: str) -> None:
    other = write(make_run({"medec": [0.0] * 10}, name="other", **change))
    result = cli("compare", old, other)
    assert (result.code, result.out) == (2, "")
    assert f"error: not comparable: {named}" in result.error


def test_one_changed_byte_of_a_prompt_or_a_document_is_refused(cli: Cli, old: Path) -> None:
    items = make_items("medec", [0.0] * 10)
    items[4] = replace(items[4], prompt_hash="0" * 64)
    result = cli("compare", old, write(make_run({"medec": items}, name="other")))
    assert "medec: prompts is " in result.error
    assert "in results/old and 000000000000 (document" in result.error


def test_another_template_is_a_note(cli: Cli, old: Path) -> None:
    other = write(make_run({"medec": [0.0] * 10, "mednli": [0.5] * 10}, name="other", template="b" * 64))
    result = cli("compare", old, other)
    assert result.code == 0
    assert "- template: aaaaaaaaaaaa and bbbbbbbbbbbb; it is part of what is compared" in result.out


def test_damaged_and_missing_runs_are_one_line(cli: Cli, old: Path, new: Path) -> None:
    assert "nowhere/run.json: No such file or directory" in cli("compare", old, "nowhere").error
    assert "two runs or more" in cli("compare", old).error
    items = new / "items.jsonl"
    items.write_text("".join(items.read_text().splitlines(keepends=True)[:-1]))
    result = cli("compare", old, new)
    assert result.code == 2
    assert "9 items of mednli are scored, and run.json counts 10" in result.error


def test_names_with_control_characters_cant_act_on_the_terminal(cli: Cli, old: Path) -> None:
    other = make_run({"medec": [0.0] * 10, "mednli": [0.5] * 10}, name="other")
    model = other.record.model.model_copy(update={"name": "\x1b[2Jx\u202e [red]y"})
    folder = write(other._replace(record=other.record.model_copy(update={"model": model})))
    out = cli("compare", old, folder).out
    assert "\ufffd[2Jx\ufffd [red]y, run" in out
    assert "\x1b" not in out


def test_answers_of_real_runs_stand_on_the_page(cli: Cli) -> None:
    folders = []
    for name in ("majority", "lead"):
        found = json.loads(cli("evaluate", "--model", f"baseline:{name}", "--tasks", "mednli,medec", "--json").out)
        folders.append(Path("results") / f"baseline-{name}" / found["run"])
    result = cli("compare", *folders, "--html", "page.html")
    assert result.code == 0
    assert "mednli" in result.out
    page = Path("page.html").read_text()
    assert '<div class="text" dir="auto">-1</div>' in page
    for folder in folders:
        for store in folder.parent.glob("responses.jsonl*"):
            store.unlink()
    cli("compare", *folders, "--html", "page.html")
    assert '<div class="text"' not in Path("page.html").read_text()


def test_the_help_has_examples(cli: Cli) -> None:
    result = cli("compare", "--help")
    assert result.code == 0
    assert "Examples:" in result.out
    assert "clueplus compare ONE TWO THREE --markdown" in result.out
