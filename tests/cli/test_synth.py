"""`clueplus synth`: rows made, resumed, extended, judged again, filtered, corrupted; and what is refused."""

import gzip
import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Cli
from tests.support.fake_server import FakeServer, fake_server
from tests.support.rewriting import prompt_of
from tests.support.synthesis import RECIPE, spoilt, stage_of, writer

ROWS = 12


def to(server: FakeServer) -> tuple[str, ...]:
    return ("--model", "fake", "--base-url", server.base_url)


def make(cli: Cli, server: FakeServer, *more: object, recipe: object = "mediflow", out: str = "out") -> dict[str, Any]:
    words = ("synth", "run", recipe, *to(server), "--out", out, "--json", *more)
    result = cli(*words) if "--rows" in words else cli(*words, "--rows", ROWS)
    assert result.code == 0, result.err
    found: dict[str, Any] = json.loads(result.out)
    return found


def rows_of(cli: Cli, path: object, *more: object) -> list[dict[str, Any]]:
    result = cli("synth", "filter", path, "--out", "view.jsonl", *more)
    assert result.code == 0, result.err
    return [json.loads(line) for line in Path("view.jsonl").read_text().splitlines()]


def variant(folder: Path, **changes: Any) -> Path:
    """The shipped recipe with some parts exchanged (None: without)."""
    data = yaml.safe_load(RECIPE.read_text())
    for name, value in changes.items():
        data[name] = {**data[name], **value} if value is not None else None
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({name: value for name, value in data.items() if value is not None}, sort_keys=False))
    return path


def test_rows_are_made_checked_judged_and_counted(cli: Cli) -> None:
    with fake_server(spoilt(3), vllm=True) as server:
        found = make(cli, server, "--price", "1,10")
        asked = Counter(map(stage_of, server.requests))
        bad = sum(1 for sent in server.requests if stage_of(sent) == "generated" and sent["seed"] % 3 == 0)
    rows, pairs = found["rows"], found["pairs"]
    assert 0 < bad < ROWS
    assert (rows["wanted"], rows["finished"], rows["kept"]) == (ROWS, ROWS, ROWS - bad)
    assert rows["rejected"] == {"malformed: not JSON": bad}
    assert asked == {"generated": ROWS, "judged": 5 * pairs["kept"]}
    assert found["usage"]["judged"] == {
        "answers": 5 * pairs["kept"],
        "prompt_tokens": 50 * pairs["kept"],
        "completion_tokens": 15 * pairs["kept"],
        "untold": 0,
    }
    assert found["cost"] == pytest.approx((ROWS + 5 * pairs["kept"]) * (10 * 1 + 3 * 10) / 1e6)
    assert found["rate"]["rows_per_second"] > 0
    assert json.loads(cli("synth", "status", "out", "--json").out) == found
    text = cli("synth", "status", "out").out
    assert f"{ROWS} of {ROWS} rows are finished, {ROWS - bad} kept; {pairs['kept']} pairs" in text
    assert f"  rejected row: {bad} x malformed: not JSON" in text


def test_what_is_asked(cli: Cli) -> None:
    with fake_server(writer) as server:
        make(cli, server)
    generated = [sent for sent in server.requests if stage_of(sent) == "generated"]
    judged = [sent for sent in server.requests if stage_of(sent) == "judged"]
    assert {sent["temperature"] for sent in generated} == {1.0, 1.25}
    assert {sent["temperature"] for sent in judged} == {1.0}
    assert all(sent["response_format"]["json_schema"]["strict"] for sent in server.requests)
    assert len({sent["seed"] for sent in server.requests}) == len(server.requests)
    assert set(Counter(map(prompt_of, judged)).values()) == {5}, "five samples of the same question"
    assert all("<input>" in prompt_of(sent) for sent in judged)
    assert not any("{{" in prompt_of(sent) or "{%" in prompt_of(sent) for sent in server.requests)
    schema = judged[0]["response_format"]["json_schema"]["schema"]["properties"]["quality"]
    assert schema == {"type": "integer", "enum": [1, 2, 3, 4]}


def test_a_second_run_asks_nothing_and_more_rows_ask_only_for_those(cli: Cli) -> None:
    with fake_server(writer) as server:
        first = make(cli, server)
        asked = len(server.requests)
        again = make(cli, server)
        assert len(server.requests) == asked
        assert {**again, "rate": 0} == {**first, "rate": 0}
        rows = rows_of(cli, "out")
        more = make(cli, server, "--rows", ROWS + 3)
        new = [sent for sent in server.requests[asked:] if stage_of(sent) == "generated"]
        assert (len(new), more["rows"]["finished"]) == (3, ROWS + 3)
        fewer = make(cli, server)
        assert fewer["rows"]["wanted"] == ROWS + 3, "rows that are there are not taken away"
    after = rows_of(cli, "out")
    assert [row for row in after if row["provenance"]["row"] < ROWS] == rows


def test_requests_that_fail_are_told_and_asked_again(cli: Cli) -> None:
    def failing(payload: dict[str, Any], number: int) -> Any:
        return (400, {"error": {"message": "no"}}) if payload["seed"] % 2 == 0 else writer(payload)

    with fake_server(failing) as server:
        found = make(cli, server)
        assert found["rows"]["finished"] < ROWS
        assert found["failures"]["HTTP 400: no"] > 0
        assert "rejected" in found["rows"]
        assert found["rows"]["rejected"] == {}, "a fault of the endpoint is no reject"
        server.reply = writer
        before = len(server.requests)
        whole = make(cli, server)
        assert whole["rows"]["finished"] == ROWS
        assert 0 < len(server.requests) - before < 18 * ROWS, "what was answered is not asked again"
    with fake_server(writer) as server:
        undisturbed = make(cli, server, out="other")
    assert {**undisturbed, "synthesis": 0, "rate": 0} == {**whole, "synthesis": 0, "rate": 0}
    assert rows_of(cli, "out") == rows_of(cli, "other")


def test_an_endpoint_that_refuses_all_ends_the_run(cli: Cli) -> None:
    with fake_server(lambda payload, number: (400, {"error": {"message": "no"}})) as server:
        result = cli("synth", "run", "mediflow", *to(server), "--rows", 200, "--out", "out")
    assert result.code == 2
    assert "64 requests failed in a row, the last one with: HTTP 400: no (0 of 200 rows are finished)" in result.error


def test_another_judge_judges_again_and_other_checks_ask_nothing(cli: Cli, tmp_path: Path) -> None:
    with fake_server(writer) as server:
        make(cli, server)
        asked = len(server.requests)
        stricter = variant(tmp_path, checked={"characters": {"output": [33, 1000]}})
        found = make(cli, server, recipe=stricter)
        assert len(server.requests) == asked
        assert found["pairs"]["rejected"]["output: too short"] > 0
        assert found["rows"]["rejected"] == {"no pair passes the checks": ROWS - found["rows"]["kept"]}
        other = variant(tmp_path, judged={"prompt": "Judge {{ instruction }} {{ input }} {{ output }}"})
        found = make(cli, server, recipe=other)
        new = server.requests[asked:]
        assert Counter(map(stage_of, new)) == {"judged": 5 * found["pairs"]["kept"]}
        asked = len(server.requests)
    with fake_server(writer) as server, fake_server(writer, root="judge-weights") as judge:
        server.models_reply = (200, {"data": [{"id": "fake", "root": "fake-weights"}]})
        found = make(cli, server, "--judge-model", "fake", "--judge-base-url", judge.base_url, recipe=other)
        assert len(server.requests) == 0
        assert Counter(map(stage_of, judge.requests)) == {"judged": 5 * found["pairs"]["kept"]}


def test_what_would_mix_two_sets_is_refused(cli: Cli, tmp_path: Path) -> None:
    with fake_server(writer) as server:
        make(cli, server)
        run = ("synth", "run", "mediflow", *to(server), "--rows", ROWS, "--out", "out")
        assert "holds rows of another seed. Fix: choose another --out" in cli(*run, "--seed", 5).error
        other = variant(tmp_path, generated={"max_tokens": 99})
        assert "holds rows of another recipe" in cli("synth", "run", other, *run[3:]).error
    with fake_server(writer, root="other-weights") as server:
        assert "holds rows of another model" in cli(*run[:3], *to(server), *run[7:]).error


def test_mistakes_are_one_line(cli: Cli) -> None:
    run = ("--model", "m", "--rows", 3, "--out", "out")
    assert "did you mean mediflow?" in cli("synth", "run", "mediflo", *run).error
    assert "recipe.yaml: can't be read" in cli("synth", "run", "recipe.yaml", *run).error
    assert "is a rule and can't write" in cli("synth", "run", "mediflow", *run[2:], "--model", "baseline").error
    assert "--judge-base-url needs --judge-model" in cli(
        "synth", "run", "mediflow", *run, "--judge-base-url", "http://127.0.0.1:1/v1"
    ).error  # fmt: skip
    assert "two prices of a million tokens" in cli("synth", "run", "mediflow", *run, "--price", "3").error
    assert "out holds no synthesis" in cli("synth", "status", "out").error
    assert "COLUMN=SCORE is expected" in cli("synth", "filter", "out", "--out", "x", "--min", "quality>3").error
    assert "no such file" in cli("synth", "filter", "out", "--out", "x").error
    assert cli("synth", "run", "mediflow").code == 2


def test_a_recipe_may_do_without_a_judge(cli: Cli, tmp_path: Path) -> None:
    recipe = variant(tmp_path, judged=None)
    with fake_server(writer) as server:
        run = ("synth", "run", recipe, *to(server), "--rows", 2, "--out", "out")
        assert "has no 'judged' for a judge" in cli(*run, "--judge-model", "fake").error
        found = make(cli, server, recipe=recipe)
    assert (found["rows"]["kept"], list(found["usage"])) == (ROWS, ["generated"])
    assert all("quality" not in row for row in rows_of(cli, "out"))
    assert "no column is called 'quality'" in cli("synth", "filter", "out", "--out", "x", "--min", "quality=1").error


def test_a_fault_of_ours_costs_one_row(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from clueplus.training.synthesis import blocks

    def faulty(recipe: Any, drawn: Any, answer: Any, text: str) -> Any:
        if drawn["output_format"] == "json":
            raise LookupError(text)
        return read_candidate(recipe, drawn, answer, text)

    read_candidate = blocks.read_candidate
    monkeypatch.setattr(blocks, "read_candidate", faulty)
    with fake_server(writer) as server:
        rows = make(cli, server)["rows"]
    assert rows["finished"] == ROWS
    assert list(rows["rejected"]) == ["reading failed: LookupError"]


def test_every_help_has_an_example(cli: Cli) -> None:
    for name in ("run", "filter", "preferences", "status"):
        result = cli("synth", name, "--help")
        assert result.code == 0
        assert f"clueplus synth {name} " in result.out


def test_an_interrupted_run_says_how_to_go_on(cli: Cli) -> None:
    def interrupting(payload: dict[str, Any], number: int) -> str:
        if number == 9:
            signal.raise_signal(signal.SIGINT)
        return writer(payload)

    with fake_server(interrupting) as server:
        result = cli("synth", "run", "mediflow", *to(server), "--rows", ROWS, "--out", "out", "--concurrency", 2)
        assert result.code == 130
        assert "the same command goes on from there" in result.err
        found = make(cli, server)
    assert found["rows"]["finished"] == ROWS


def published(path: Path, count: int = 30, **more: Any) -> Path:
    """Rows as they are published: MediFlow's columns and nothing else."""
    rows = [
        {
            "instruction": f"Say of note {number} in one sentence what finding {number * 7919} is.",
            "input": f"Note {number}: " + " ".join(f"word{number * 31 + place}" for place in range(20)),
            "output": f"Follow up on finding {number}.",
            "task_type": "summarization" if number % 3 else "note scoring",
            "input_data": "Clinical Note",
            "output_format": "plain_text",
            "difficulty_level": "hard",
            **dict.fromkeys(("quality", "alignment", "coherence", "realism", "difficulty"), 1 + number % 4),
            **more,
        }
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_view_has_the_best_of_each_stratum_first(cli: Cli, tmp_path: Path) -> None:
    path = published(tmp_path / "rows.jsonl")
    best = rows_of(cli, path, "--top-k", 8)
    assert [row["quality"] for row in best] == [4] * 7 + [3]
    each = rows_of(cli, path, "--top-k", 8, "--stratify", "task_type")
    assert Counter(row["task_type"] for row in each) == {"note scoring": 4, "summarization": 4}
    assert [row["quality"] for row in each if row["task_type"] == "note scoring"] == [4, 4, 4, 3]
    assert {row["quality"] for row in rows_of(cli, path, "--min", "quality=3", "--min", "realism=3.5")} == {4}
    report = json.loads(Path("view.report.json").read_text())
    assert (report["read"], report["kept"], report["dropped"]) == (
        30,
        7,
        {"quality below 3": 16, "realism below 3.5": 7},
    )
    assert any(split["unchecked"] for split in report["test_splits"])
    whole = rows_of(cli, path)
    assert len(whole) == 30
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    without_place = [{**row, "provenance": 0} for row in whole]
    assert [{**row, "provenance": 0} for row in rows_of(cli, path)] == without_place, "the order of a file has no part"


def test_parquet_and_packed_rows_are_read(cli: Cli, tmp_path: Path) -> None:
    import pyarrow.json
    import pyarrow.parquet

    path = published(tmp_path / "rows.jsonl")
    plain = [{**row, "provenance": 0} for row in rows_of(cli, path)]
    pyarrow.parquet.write_table(pyarrow.json.read_json(path), tmp_path / "rows.parquet")
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    for name in ("rows.parquet", "rows.jsonl.gz"):
        assert [{**row, "provenance": 0} for row in rows_of(cli, tmp_path / name)] == plain


def test_what_is_there_twice_or_in_the_benchmark_goes(cli: Cli, tmp_path: Path) -> None:
    path = published(tmp_path / "rows.jsonl", 10)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    sample = json.loads((RECIPE.parents[2] / "tasks/medec/sample.jsonl").read_text().splitlines()[0])
    text = "\n".join(sample["sentences"])
    rows.append(
        {
            **rows[3],
            "instruction": rows[3]["instruction"] + " Briefly.",
            "input": "A note of its own, unlike others.",
            "quality": 1,
        }
    )
    rows.append({**rows[3], "input": rows[3]["input"] + " end", "quality": 1})
    rows.append({**rows[3], "output": "Another answer.", "quality": 1})
    rows.append(
        {
            **rows[4],
            "instruction": "Say what is wrong in the note that follows, and how to mend it at once.",
            "input": text,
        }
    )
    rows.append({**rows[4], "output": ""})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "no JSON\n")
    found = rows_of(cli, path)
    assert {row["input"] for row in found} == {row["input"] for row in rows[:10]}
    assert json.loads(Path("view.report.json").read_text())["dropped"] == {
        "near-duplicate instruction": 1,
        "near-duplicate input": 1,
        "duplicate input": 1,
        "overlap with a test split": 1,
        "empty output": 1,
        "not JSON": 1,
    }


def test_a_view_that_keeps_nothing_or_names_no_column_is_refused(cli: Cli, tmp_path: Path) -> None:
    path = published(tmp_path / "rows.jsonl", 4)
    view = ("synth", "filter", path, "--out", "view.jsonl")
    assert "nothing is left of 4 rows: 4 quality below 5" in cli(*view, "--min", "quality=5").error
    assert not Path("view.jsonl").exists()
    assert "no column is called 'qualty'" in cli(*view, "--min", "qualty=2").error
    assert "no column is called 'task'. Fix: did you mean task_type?" in cli(*view, "--stratify", "task").error


def test_made_rows_are_read_by_the_corpora(cli: Cli) -> None:
    from clueplus.training.corpora.rows import Row, read_row
    from clueplus.training.corpora.spec import Source

    with fake_server(writer) as server:
        make(cli, server)
        (row, *_) = rows_of(cli, "out")
        assert cli("synth", "preferences", "view.jsonl", *to(server), "--out", "pairs").code == 0
    source = Source(name="made", licence="ours", path="view.jsonl")
    found = read_row("instructions", row, source)
    assert isinstance(found, Row)
    assert list(found.columns) == [
        *("instruction", "input", "output", "task_type", "input_data", "output_format", "difficulty_level"),
        *("quality", "alignment", "coherence", "realism", "difficulty"),
    ]
    pair = json.loads(Path("pairs/preferences.jsonl").read_text().splitlines()[0])
    assert isinstance(read_row("preferences", pair, source), Row)


def test_preferences_are_verified_and_resumed(cli: Cli, tmp_path: Path) -> None:
    path = published(tmp_path / "rows.jsonl", 40)
    path.write_text(path.read_text() * 2)  # what is there twice is one row
    answers = {
        0: lambda good: good,
        1: lambda good: good * 3,
        2: lambda good: "I'm sorry, but I can't help with that.",
        3: lambda good: "",
    }

    def corrupter(payload: dict[str, Any], number: int) -> str:
        good = prompt_of(payload).partition("<good_answer>\n")[2].partition("\n</good_answer>")[0]
        return json.dumps({"rejected_output": answers.get(payload["seed"] % 8, lambda good: good + " Or not.")(good)})

    words = ("synth", "preferences", path, "--out", "pairs", "--json")
    with fake_server(corrupter) as server:
        report = json.loads(cli(*words, *to(server), "--price", "1,1").out)
        asked = len(server.requests)
        kinds = Counter(payload["seed"] % 8 for payload in server.requests)
        assert json.loads(cli(*words, *to(server), "--price", "1,1").out) == report
        assert len(server.requests) == asked
    assert (report["instructions"], report["asked"], asked) == (40, 40, 40)
    lost = {
        "rejected: equals the chosen one": kinds[0],
        "rejected: another length": kinds[1],
        "rejected: a refusal": kinds[2],
        "rejected: empty": kinds[3],
    }
    assert report["rejected"] == {name: count for name, count in lost.items() if count}
    assert report["kept"] == 40 - sum(lost.values()) > 0
    pairs = [json.loads(line) for line in Path("pairs/preferences.jsonl").read_text().splitlines()]
    assert len(pairs) == report["kept"]
    assert all(pair["rejected_output"] == pair["output"] + " Or not." for pair in pairs)
    assert len({pair["error_type"] for pair in pairs}) > 3
    assert report["cost"] == pytest.approx(40 * 13 / 1e6)


def test_chosen_answers_that_fail_the_checks_are_not_corrupted(cli: Cli, tmp_path: Path) -> None:
    path = published(tmp_path / "rows.jsonl", 4, output="I'm sorry, but I can't help with that.")
    with fake_server(writer) as server:
        result = cli("synth", "preferences", path, *to(server), "--out", "pairs")
    assert "passes the checks: 4 output: a refusal. Fix" in result.error
    assert server.requests == []
    assert not (tmp_path / "pairs" / "preferences.jsonl").exists()
