import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from clueplus.records.run import RunRecord, read_run
from tests.support.fake_server import fake_server

Cli = Any
RUN = ("evaluate", "--variant", "sample")


def record_of(out: str) -> RunRecord:
    return RunRecord.model_validate_json(out)


def test_a_newcomer_gets_four_tasks_a_table_and_the_path_of_the_record(cli: Cli, tmp_path: Path) -> None:
    result = cli("evaluate", "--model", "baseline")
    assert result.code == 0
    for word in ("meqsum", "medec", "aci_bench", "icd10cm", "95% interval", "trivial", "average"):
        assert word in result.out
    path = Path(result.out.rsplit("record: ", 1)[1].strip())
    record = record_of(path.read_text())
    assert record.model.name == "baseline:nearest"
    assert record.variant == "sample"
    assert record.command == ["clueplus", "evaluate", "--model", "baseline"]
    assert [task.name for task in record.tasks] == ["meqsum", "medec", "aci_bench", "icd10cm"]


def test_json_is_one_document_on_standard_output(cli: Cli) -> None:
    result = cli(*RUN, "--model", "baseline:majority", "--tasks", "medec", "--json")
    record = record_of(result.out)
    (task,) = record.tasks
    assert task.score.value == pytest.approx(7 / 15)
    assert task.trivial_baseline.score.value == task.score.value
    assert task.outcomes == {"scored": 15, "unscorable": 0, "infrastructure_error": 0}
    assert json.loads(result.out)["tasks"][0]["score"]["low"] is not None


def test_a_column_without_one_of_its_components_is_null_with_the_reason(cli: Cli) -> None:
    result = cli(*RUN, "--model", "baseline:lead", "--tasks", "meqsum", "--json")
    record = record_of(result.out)
    task = record.tasks[0]
    assert task.score.value is None
    assert "CLUEPLUS_BERTSCORE_MODEL" in (task.score.reason or "")
    assert task.components["rouge_1"].value is not None
    assert record.average.value is None
    assert "meqsum" in (record.average.reason or "")
    assert "note" in result.err, "preflight tells before generation"


def test_an_endpoint_is_evaluated_with_its_own_answers(cli: Cli) -> None:
    with fake_server(lambda payload, number: "-1") as server:
        result = cli(*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "medec", "--json")
    record = record_of(result.out)
    assert record.tasks[0].score.value == pytest.approx(7 / 15)
    assert record.model.kind == "endpoint"
    assert record.model.hosts[0] == server.base_url.removeprefix("http://").removesuffix("/v1")
    assert record.generation.generated == 15


def test_answers_that_cannot_be_parsed_are_zero_and_counted_aloud(cli: Cli) -> None:
    def reply(payload: Any, number: int) -> str:
        return "-1" if number % 3 else "I would rather not say"

    with fake_server(reply) as server:
        result = cli(*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "medec", "--json")
    task = record_of(result.out).tasks[0]
    assert task.outcomes == {"scored": 10, "unscorable": 5, "infrastructure_error": 0}
    assert task.score.n == 15


def test_truncated_answers_are_counted(cli: Cli) -> None:
    body = {"choices": [{"message": {"content": "-1"}, "finish_reason": "length"}]}
    with fake_server(lambda payload, number: (200, body)) as server:
        result = cli(*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "medec", "--json")
    assert record_of(result.out).tasks[0].truncated == 15


def test_limit_takes_the_first_documents(cli: Cli) -> None:
    with fake_server(lambda payload, number: "-1") as server:
        result = cli(
            *RUN, "--model", "fake", "--base-url", server.base_url, "--limit", 3, "--tasks", "medec,icd10cm", "--json"
        )
    record = record_of(result.out)
    assert [task.documents for task in record.tasks] == [3, 3]
    assert len(server.requests) == 6


def test_a_rerun_asks_nothing_and_gives_the_same_items(cli: Cli) -> None:
    with fake_server(lambda payload, number: f"{number}") as server:
        call = (*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "medec")
        first, second = cli(*call, "--json"), cli(*call, "--json")
        asked = len(server.requests)
        fresh = cli(*call, "--json", "--fresh")
    assert asked == 15
    assert len(server.requests) == 30
    a, b = record_of(first.out), record_of(second.out)
    assert a.tasks == b.tasks
    assert (b.generation.reused, b.generation.generated) == (15, 0)
    assert record_of(fresh.out).generation.generated == 15
    assert a.run != b.run, "every run has a folder of its own"


def test_an_endpoint_that_dies_half_way_loses_nothing(cli: Cli) -> None:
    call = (*RUN, "--model", "fake", "--tasks", "medec", "--concurrency", 2, "--attempts", 2)
    with fake_server(lambda payload, number: "-1") as server:
        server.die_after = 6
        broken = cli(*call, "--base-url", server.base_url)
    assert broken.code == 2
    assert "6 of 15 answers are stored" in broken.error
    assert "run the same command" in broken.error
    with fake_server(lambda payload, number: "-1") as server:
        again = cli(*call, "--base-url", server.base_url, "--json")
        assert len(server.requests) == 9
    record = record_of(again.out)
    assert (record.generation.reused, record.generation.generated) == (6, 9)
    assert record.tasks[0].score.value == pytest.approx(7 / 15)


def test_too_many_failed_requests_are_not_a_result_but_are_recorded(cli: Cli) -> None:
    def reply(payload: Any, number: int) -> Any:
        return "-1" if number > 2 else (400, {"error": {"message": "maximum context length is 5"}})

    with fake_server(reply) as server:
        result = cli(*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "medec")
        assert result.code == 2
        assert "2 of 15 requests got no answer: prompt too long" in result.error
        (folder,) = (path.parent for path in Path("results/fake").glob("*/run.json"))
        _, record, items = read_run(folder)
        assert record.status == "incomplete"
        assert record.tasks[0].score.n == 13, "a request without an answer is no zero"
        assert [item.outcome for item in items].count("infrastructure_error") == 2
        again = cli(*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "medec", "--json")
        assert len(server.requests) == 17
    assert record_of(again.out).status == "complete"


@pytest.mark.parametrize("body", ["<html>busy</html>", "", "NaN"])
def test_an_endpoint_that_returns_no_completion_is_one_line(cli: Cli, body: str) -> None:
    with fake_server(lambda payload, number: (200, body)) as server:
        result = cli(
            *RUN,
            "--model",
            "fake",
            "--base-url",
            server.base_url,
            "--tasks",
            "medec",
            "--attempts",
            1,
            "--concurrency",
            2,
        )
    assert result.code == 2
    assert "instead of an answer" in result.error


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--model", "baseline:majorty"), "did you mean baseline:majority"),
        (("--model", "baseline", "--tasks", "medek"), "did you mean medec"),
        (("--model", "phi-3.5-mini-instruct", "--variant", "sample", "--vllm-command", "no-such-vllm"), "--base-url"),
        (("--model", "nobody-knows-it"), "unknown model"),
        (("--model", "baseline", "--variant", "open"), "has no variant 'open'"),
        (("--model", "baseline", "--tasks", "sdoh,medec", "--variant", "open"), "it has official, sample"),
        (("--model", "baseline", "--variant", "ofical"), "official"),
        (("--model", "baseline", "--limit", "0"), "limit"),
        (("--model", "baseline", "--tasks", ","), "no task"),
        (("--model", "baseline", "--tasks-dir", "nowhere"), "no such folder"),
        (("--model", "baseline", "--mirror", "nowhere"), "not a folder"),
        (("--model", "baseline", "--variant", "official", "--tasks", "medec"), "no data"),
        (("--model", "org/model", "--tasks", "medec"), "no data"),
        (("--model", "baseline:lead", "--base-url", "http://127.0.0.1:9/v1"), "leave out --base-url"),
        (("--model", "m", "--variant", "sample", "--base-url", "localhost:8000"), "not a URL"),
        (("--model", "m", "--variant", "sample", "--base-url", "http://127.0.0.1:9/v1"), "does not answer"),
        ((), "--model"),
        (("--no-such-option",), "No such option"),
    ],
)
def test_a_mistake_is_one_line_with_the_fix(cli: Cli, arguments: tuple[str, ...], told: str) -> None:
    result = cli("evaluate", *arguments)
    assert result.code == 2
    assert told in result.error
    assert "Fix: " in result.error
    assert result.out == ""


def test_a_results_folder_that_cannot_be_written_is_told_first(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with fake_server() as server:
        result = cli(*RUN, "--model", "fake", "--base-url", server.base_url)
    assert result.code == 2
    assert "--results-dir" in result.error
    assert server.requests == []


def test_a_full_disk_is_told_first(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import clueplus.evaluation.preflight

    monkeypatch.setattr(clueplus.evaluation.preflight, "LEAST_FREE_BYTES", 1 << 62)
    result = cli(*RUN, "--model", "baseline")
    assert result.code == 2
    assert "MB are free" in result.error


def test_a_corrupt_store_is_one_line_and_is_left_as_it_is(cli: Cli) -> None:
    with fake_server(lambda payload, number: "-1") as server:
        call = (*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "medec")
        cli(*call)
        store = Path("results/fake/responses.jsonl")
        with gzip.open("results/fake/responses.jsonl.gz", "rt") as archive:
            lines = archive.read().splitlines()
        store.write_text("\n".join([*lines[:4], lines[4][:50], *lines[5:]]) + "\n")
        before = store.read_bytes()
        result = cli(*call)
        assert result.code == 2
        assert "responses.jsonl: line 5 is corrupt" in result.error
        assert store.read_bytes() == before
        assert cli(*call, "--fresh").code == 0
        assert store.read_bytes().startswith(before), "what may be mended is not compressed"


def test_an_interrupt_ends_with_130_and_keeps_the_answers(cli: Cli) -> None:
    def reply(payload: Any, number: int) -> str:
        if number == 5:
            import _thread

            _thread.interrupt_main()
        return "-1"

    with fake_server(reply, latency=0.05) as server:
        call = (*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "medec", "--concurrency", 1)
        result = cli(*call)
        assert result.code == 130
        assert "goes on from there" in result.err
        asked = len(server.requests)
        assert cli(*call).code == 0
        assert len(server.requests) <= 15 + 2
        assert asked < 15


def test_an_unexpected_fault_shows_no_text_of_its_message(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import clueplus.evaluation.run

    def fail(*_: object) -> None:
        raise RuntimeError("canary-patient-note")

    monkeypatch.setattr(clueplus.evaluation.run, "load_tasks", fail)
    result = cli("evaluate", "--model", "baseline")
    assert result.code == 1
    assert "RuntimeError" in result.error
    assert "canary" not in result.err
    assert "canary" in cli("--debug", "evaluate", "--model", "baseline").err


def test_user_tasks_are_found_and_evaluated(cli: Cli, tmp_path: Path) -> None:
    from clueplus.registry import content_folder

    source = content_folder("tasks") / "medec"
    folder = tmp_path / "mine" / "errors_here"
    folder.mkdir(parents=True)
    for name in ("medec.py", "sample.jsonl"):
        (folder / name).write_bytes((source / name).read_bytes())
    text = (source / "medec.yaml").read_text().replace("task: medec", "task: errors_here")
    (folder / "errors_here.yaml").write_text(text)
    result = cli(
        *RUN, "--model", "baseline:majority", "--tasks-dir", tmp_path / "mine", "--tasks", "errors_here", "--json"
    )
    assert record_of(result.out).tasks[0].score.value == pytest.approx(7 / 15)


def test_a_model_without_a_chat_template_is_told_how_to_be_asked(cli: Cli) -> None:
    with fake_server(vllm=True) as server:
        server.no_template = True
        call = (*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "medec")
        result = cli(*call)
        assert result.code == 2
        assert "'fake' has no chat template" in result.error
        assert "--api completions" in result.error
        assert cli(*call, "--api", "completions").code == 0


def test_a_template_with_two_beginnings_is_refused(cli: Cli) -> None:
    with fake_server(vllm=True) as server:
        server.template_bos = 2
        result = cli(*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "medec")
    assert result.code == 2
    assert "2 beginning-of-sequence tokens" in result.error


def test_a_context_too_small_for_a_task_is_told_before_the_first_request(cli: Cli) -> None:
    with fake_server(vllm=True, max_model_len=300) as server:
        result = cli(*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "medec")
        assert server.requests == []
    assert result.code == 2
    assert "prompts do not fit the context of 300 tokens" in result.error


def test_prompts_are_cut_to_fit_where_the_task_says_so_and_score_knows_it(cli: Cli) -> None:
    with fake_server(vllm=True, max_model_len=2100) as server:
        call = (*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "aci_bench")
        result = cli(*call, "--json")
    assert result.code == 0, result.err
    assert "are cut in the middle to fit 2100 tokens" in result.err
    record = record_of(result.out)
    cut = record.tasks[0].cut_prompts
    assert 0 < cut <= record.tasks[0].documents
    folder, _, items = read_run(Path("results/fake") / record.run)
    assert sum(item.cut > 0 for item in items) == cut
    assert cli("score", folder).code == 0, "the same cuts are made again"
    assert read_run(folder)[1].tasks == record.tasks


def test_reasoning_is_no_part_of_an_answer(cli: Cli) -> None:
    with fake_server(lambda payload, number: "<think>Sentence 3 looks odd; or 5?</think>-1") as server:
        result = cli(*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "medec", "--json")
    assert record_of(result.out).tasks[0].score.value == pytest.approx(7 / 15)
    with fake_server(lambda payload, number: "<think>Is it sentence -1") as server:
        result = cli(*RUN, "--model", "fake", "--base-url", server.base_url, "--tasks", "medec", "--json", "--fresh")
    assert record_of(result.out).tasks[0].outcomes["unscorable"] == 15


def test_two_endpoints_and_two_runs_and_what_differs_between_them(cli: Cli) -> None:
    with fake_server(lambda payload, number: "-1") as one, fake_server(lambda payload, number: "-1") as two:
        urls = ("--base-url", one.base_url, "--base-url", two.base_url)
        result = cli(*RUN, "--model", "fake", *urls, "--tasks", "medec", "--repeat", 2)
        assert result.code == 0, result.err
        assert one.requests
        assert two.requests
        assert len(one.requests) + len(two.requests) == 30
    assert "texts differ" in result.out
    assert "VLLM_BATCH_INVARIANT: unset" in result.out
    folders = sorted(path.parent for path in Path("results/fake").glob("*/run.json"))
    found = json.loads(cli("noise", *folders, "--json").out)
    assert found["pairs"]["1-2"][0]["texts"] == 0
    assert "two runs or more" in cli("noise", folders[0]).error


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--samples", 3), "3 equal answers"),
        (("--base-url", "http://127.0.0.1:9/v1", "--replicas", 2), "nothing is started here"),
        (("--base-url", "http://127.0.0.1:9/v1", "--backend", "hf"), "nothing is started here"),
        (("--backend", "hf", "--replicas", 2), "starts no server"),
        (("--attest", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_options_that_cannot_go_together_are_told(cli: Cli, more: tuple[object, ...], told: str) -> None:
    result = cli(*RUN, "--model", "org/model", "--tasks", "medec", *more)
    assert result.code == 2
    assert told in result.error
