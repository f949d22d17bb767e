import json
from pathlib import Path
from typing import Any

import pytest

from clueplus.records.run import read_run
from tests.support.fake_server import fake_server

Cli = Any


@pytest.fixture
def run_folder(cli: Cli) -> Path:
    with fake_server(lambda payload, number: "-1") as server:
        result = cli("evaluate", "--model", "fake", "--base-url", server.base_url, "--variant", "sample", "--tasks",
                     "medec,icd10cm", "--limit", 6, "--json")  # fmt: skip
    assert result.code == 0
    return Path("results/fake") / json.loads(result.out)["run"]


def test_scoring_again_gives_the_same_record_without_a_server(cli: Cli, run_folder: Path) -> None:
    before = (run_folder / "run.json").read_bytes(), (run_folder / "items.jsonl").read_bytes()
    result = cli("score", run_folder)
    assert result.code == 0
    assert "medec" in result.out
    assert ((run_folder / "run.json").read_bytes(), (run_folder / "items.jsonl").read_bytes()) == before


def test_a_run_may_be_named_by_its_record(cli: Cli, run_folder: Path) -> None:
    assert json.loads(cli("score", run_folder / "run.json", "--json").out)["run"] == run_folder.name


def test_scores_come_from_the_stored_answers(cli: Cli, run_folder: Path) -> None:
    from clueplus.evaluation.store import ResponseStore
    from clueplus.models import Answer

    _, record, items = read_run(run_folder)
    before = record.tasks[0].score.value
    store = ResponseStore(run_folder.parent / "responses.jsonl")
    with store.load().writing():
        for item in items:
            store.append(item.response_key, Answer("I can't say"))
    result = json.loads(cli("score", run_folder, "--json").out)
    assert result["tasks"][0]["score"]["value"] == 0.0 != before
    assert result["tasks"][0]["outcomes"]["unscorable"] == 6


def test_a_prompt_that_changed_since_is_refused(cli: Cli, run_folder: Path) -> None:
    lines = (run_folder / "items.jsonl").read_text().splitlines()
    item = json.loads(lines[0])
    item["prompt_hash"] = "0" * 64
    (run_folder / "items.jsonl").write_text("\n".join([json.dumps(item), *lines[1:]]) + "\n")
    result = cli("score", run_folder)
    assert result.code == 2
    assert "the prompt of medec item 0 is not the one that was answered" in result.error


def test_a_lost_store_is_told(cli: Cli, run_folder: Path) -> None:
    for store in run_folder.parent.glob("responses.jsonl*"):
        store.unlink()
    result = cli("score", run_folder)
    assert result.code == 2
    assert "no stored answers" in result.error


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"schema_version": 1}'])
def test_a_file_that_is_no_record_is_one_line(cli: Cli, run_folder: Path, content: str) -> None:
    (run_folder / "run.json").write_text(content)
    result = cli("score", run_folder)
    assert result.code == 2
    assert "not a run record" in result.error


def test_a_run_that_is_not_there_is_one_line(cli: Cli) -> None:
    result = cli("score", "results/nowhere")
    assert result.code == 2
    assert "run.json" in result.error


def test_a_record_holds_no_document_text(cli: Cli, run_folder: Path) -> None:
    from clueplus.data import Library, load_splits
    from clueplus.registry import Catalog

    written = (run_folder / "run.json").read_text() + (run_folder / "items.jsonl").read_text()
    splits = load_splits(Catalog().task("medec"), "sample", Library(Path("none")))
    for document in [*splits.test, *splits.fewshot]:
        for sentence in document["sentences"]:
            assert sentence not in written


@pytest.fixture
def clue_run(cli: Cli) -> Path:
    """A run of which two tasks have the scoring clue-2024 and one has not."""
    answers = {"Statement:": "not entailment", "Codes:": "vitamin B12 low, I10", "or -1:": "-1"}

    def reply(payload: dict[str, Any], number: int) -> str:
        return next(answer for cue, answer in answers.items() if cue in payload["messages"][-1]["content"])

    with fake_server(reply) as server:
        result = cli("evaluate", "--model", "fake", "--base-url", server.base_url, "--variant", "sample", "--tasks",
                     "mednli,medec,medisumcode", "--limit", 6, "--json")  # fmt: skip
    assert result.code == 0
    return Path("results/fake") / json.loads(result.out)["run"]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_another_scoring_stands_beside_the_run_which_stays_as_it_is(cli: Cli, clue_run: Path) -> None:
    before = content(clue_run)
    result = cli("score", clue_run, "--scoring", "clue-2024", "--tasks", "mednli", "--tasks", "medisumcode")
    assert result.code == 0
    assert content(clue_run) == before
    beside = clue_run.with_name(f"{clue_run.name}-clue-2024")
    assert f"record: {beside / 'run.json'}" in result.out
    assert "clue-2024: for parity with published numbers, not ranked" in result.out
    assert "avg clue-2024" in result.out
    _, record, items = read_run(beside)
    assert (record.run, record.scoring) == (beside.name, "clue-2024")
    assert [(task.name, task.scoring, task.beside) for task in record.tasks] == [
        ("mednli", "clue-2024", {}),
        ("medisumcode", "clue-2024", {}),
    ]
    assert {item.task for item in items} == {"mednli", "medisumcode"}
    ours = {task.name: task for task in read_run(clue_run)[1].tasks}
    for task in record.tasks:
        assert task.prompts == ours[task.name].prompts
        assert task.score.value != ours[task.name].score.value
        values = [list(i.components.values()) for i in items if i.task == task.name]
        means = [sum(filter(None, column)) for column in zip(values[0], *values, strict=True)]
        assert task.score.value == pytest.approx(sum(means) / len(means) / (task.documents + 1))
        assert task.score.n == task.documents
    # Always the same label: right for two of the six, the first among them.
    assert record.tasks[0].trivial_baseline.score.value == pytest.approx(3 / 7)
    assert ours["mednli"].trivial_baseline.score.value == pytest.approx(2 / 6)
    assert record.average.value == pytest.approx(sum(t.score.value or 0 for t in record.tasks) / 2)


def test_the_record_beside_is_a_run_like_any_other(cli: Cli, clue_run: Path) -> None:
    cli("score", clue_run, "--scoring", "clue-2024", "--tasks", "mednli")
    beside = clue_run.with_name(f"{clue_run.name}-clue-2024")
    before = content(beside)
    assert f"record: {beside / 'run.json'}" in cli("score", beside).out
    assert content(beside) == before
    assert cli("score", clue_run, "--scoring", "clue-2024", "--tasks", "mednli").code == 0
    assert content(beside) == before
    assert cli("score", beside, "--scoring", "clueplus-1").code == 0
    again = read_run(beside.with_name(f"{beside.name}-clueplus-1"))[1]
    assert again.tasks == [task for task in read_run(clue_run)[1].tasks if task.name == "mednli"]
    refused = cli("noise", clue_run, beside)
    assert refused.code == 2
    assert "is scored as clueplus-1" in refused.error


def test_a_run_may_be_named_by_a_dot(cli: Cli, clue_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clue_run)
    assert cli("score", ".", "--scoring", "clue-2024", "--tasks", "mednli").code == 0
    assert Path(f"../{clue_run.name}-clue-2024/run.json").is_file()


def test_evaluate_scores_as_clue_from_the_start(cli: Cli, clue_run: Path) -> None:
    cli("score", clue_run, "--scoring", "clue-2024", "--tasks", "mednli")
    with fake_server(lambda payload, number: "never asked") as server:
        result = cli("evaluate", "--model", "fake", "--base-url", server.base_url, "--variant", "sample", "--tasks",
                     "mednli", "--limit", 6, "--scoring", "clue-2024", "--json")  # fmt: skip
        assert server.requests == [], "the stored answers do"
    record = json.loads(result.out)
    assert record["scoring"] == "clue-2024"
    (task,) = read_run(clue_run.with_name(f"{clue_run.name}-clue-2024"))[1].tasks
    assert record["tasks"] == [task.model_dump(mode="json")]


HAVING = "choose among longhealth, medisumcode, medisumqa, mednli, meqsum, pls, sdoh with --tasks"


def test_a_task_that_lacks_the_scoring_is_told_with_those_that_have_it(cli: Cli, clue_run: Path) -> None:
    evaluated = cli("evaluate", "--model", "baseline", "--tasks", "mednli,medec,aci_bench", "--scoring", "clue-2024")
    scored = cli("score", clue_run, "--scoring", "clue-2024")
    assert (evaluated.code, scored.code) == (2, 2)
    assert evaluated.error == f"error: medec, aci_bench: no scoring 'clue-2024'. Fix: {HAVING}"
    assert scored.error == f"error: medec: no scoring 'clue-2024'. Fix: {HAVING}"
    assert len(list(clue_run.parent.iterdir())) == 3, "the run, its answers and their archive"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--tasks", "mednli"], "its record would lose the tasks that --tasks leaves out"),
        (["--scoring", "clueplus-1", "--tasks", "mednli"], "its record would lose"),
        (["--scoring", "clue-2024", "--tasks", "pls"], "the run has no pls. Fix: it has mednli, medec, medisumcode"),
        (["--scoring", "clue-2024", "--tasks", "medli"], "unknown task 'medli'"),
        (["--scoring", "clue-2023"], "'clue-2023' is not one of 'clueplus-1', 'clue-2024'"),
    ],
)
def test_a_mistaken_scoring_is_one_line_and_changes_nothing(
    cli: Cli, clue_run: Path, arguments: list[str], told: str
) -> None:
    before = content(clue_run)
    result = cli("score", clue_run, *arguments)
    assert result.code == 2
    assert told in result.error
    assert content(clue_run) == before


def test_a_record_that_mixes_scorings_is_no_record(cli: Cli, clue_run: Path) -> None:
    record = json.loads((clue_run / "run.json").read_text())
    record["tasks"][0]["scoring"] = "clue-2024"
    (clue_run / "run.json").write_text(json.dumps(record))
    assert "a task is not scored as clueplus-1, which the run says of all" in cli("score", clue_run).error


def test_the_help_says_where_the_other_record_goes(cli: Cli) -> None:
    text = " ".join(cli("score", "--help").out.split())
    assert "RUN-clue-2024/run.json" in text
    assert "clueplus score results/my-checkpoint/20260101T120000Z --scoring clue-2024" in text
