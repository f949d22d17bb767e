"""`clueplus gate` as people and pipelines call it: exit codes, files, one line for an error."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clueplus.gate.verdict import read_verdict
from clueplus.records.run import write_run
from tests.cli.conftest import Cli
from tests.support.runs import Values, make_run

BASE = (np.arange(1000) % 10 < 6).astype(float).tolist()
WORSE = (np.arange(1000) % 10 < 5).astype(float).tolist()
VAGUE = [1.0 - value if n % 10 in (0, 9) else value for n, value in enumerate(BASE)]

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a run of the task medec and returns its folder."""

    def call(name: str, values: Values, **fields: object) -> Path:
        run = make_run({"medec": values}, name=name, run=name, **fields)  # type: ignore[arg-type]
        write_run(tmp_path / "results" / name, run.record, run.items)
        return Path("results") / name

    return call


@pytest.mark.parametrize(
    ("values", "code", "status"), [(BASE, 0, "PASS"), (WORSE, 1, "FAIL"), (VAGUE, 2, "INCONCLUSIVE")]
)
def test_the_exit_code_is_the_verdict(cli: Cli, write: Write, values: Values, code: int, status: str) -> None:
    result = cli("gate", "--baseline", write("a", BASE), "--candidate", write("b", values) / "run.json")
    assert result.code == code
    assert result.out.startswith(f"{status}  results/b\n")
    assert result.err == ""


def test_json_is_one_document_on_standard_output(cli: Cli, write: Write) -> None:
    result = cli("gate", "--baseline", write("a", BASE), "--candidate", write("b", WORSE), "--json")
    data = json.loads(result.out)
    assert (result.code, data["exit_code"], data["status"], data["unit"]) == (1, 1, "FAIL", "fraction")
    assert data["tasks"][0]["difference"] == pytest.approx(-0.1)


def test_differing_work_is_three_and_names_the_field(cli: Cli, write: Write) -> None:
    result = cli("gate", "--baseline", write("a", BASE), "--candidate", write("b", BASE, template="b" * 64))
    assert result.code == 3
    assert "NOT COMPARABLE" in result.out
    assert "template is aaaaaaaaaaaa in the baseline and bbbbbbbbbbbb in the candidate" in result.out


def truncate(path: Path, lines: int, characters: int = 0) -> None:
    kept = path.read_text().splitlines(keepends=True)[:lines]
    text = "".join(kept)
    path.write_text(text[: len(text) - characters])


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: truncate(folder / "items.jsonl", 1000, 30), "not a run record of schema 1"),
        (
            lambda folder: truncate(folder / "items.jsonl", 990),
            "990 items of medec are scored, and run.json counts 1000",
        ),
        (lambda folder: truncate(folder / "items.jsonl", 0), "0 items of medec are scored"),
        (lambda folder: truncate(folder / "run.json", 20), "not a run record of schema 1"),
        (lambda folder: (folder / "run.json").write_bytes(b"\xff\xfe\x00"), "not a run record of schema 1"),
        (lambda folder: (folder / "run.json").write_text("{}"), "not a run record of schema 1"),
        (
            lambda folder: (folder / "items.jsonl").write_text(
                (folder / "items.jsonl").read_text().replace('"accuracy":1.0', '"accuracy":NaN', 1)
            ),
            "components.accuracy",
        ),
    ],
    ids=["half a line", "whole lines", "empty", "half a record", "not text", "another file", "NaN"],
)
@pytest.mark.parametrize("side", ["a", "b"])
def test_a_damaged_record_is_not_comparable_and_never_looks_inconclusive(
    cli: Cli, write: Write, damage: Callable[[Path], object], told: str, side: str
) -> None:
    folders = {"a": write("a", BASE), "b": write("b", BASE)}
    damage(folders[side])
    result = cli("gate", "--baseline", folders["a"], "--candidate", folders["b"], "--report", "verdict.json")
    assert result.code == 3
    assert told in result.out.replace("\n", " ")
    verdict = read_verdict(Path("verdict.json"))
    assert verdict.mismatch is not None
    assert verdict.mismatch.field == "record"


def test_a_run_without_its_items_file_is_not_comparable(cli: Cli, write: Write) -> None:
    first, second = write("a", BASE), write("b", BASE)
    (second / "items.jsonl").unlink()
    assert cli("gate", "--baseline", first, "--candidate", second).code == 3


USAGE = [
    ((), "--baseline is missing"),
    (("--baseline", "results/a"), "--candidate is missing"),
    (("--baseline", "results/a", "--candidate", "results/nowhere"), "results/nowhere: no run there"),
    (("--baseline", "results/a", "--candidate", "results/a"), "is baseline and candidate"),
    (("--baseline", "results/a", "--candidate", "published:MediFi"), "did you mean"),
    (("--baseline", "results/a", "--candidate", "results/b", "--policy", "no.yaml"), "--policy no.yaml: no such file"),
    (("--baseline", "results/a", "--candidate", "results/b", "--policy", "bad.yaml"), "bad.yaml:1: alhpa: unknown key"),
    (("--baseline", "results/a", "--candidate", "results/b", "--policy", "loose.yaml"), "under defaults"),
    (("--baseline", "results/a", "--candidate", "results/b", "--report", "v.pdf"), "use .json, .md, .xml, .html"),
    (("--baseline", "results/a", "--candidate", "results/b", "--json", "--github"), "both print to standard output"),
    (("--baseline", "results/a", "--candidate", "results/b", "--github"), "GITHUB_STEP_SUMMARY is not set"),
    (("--baseline", "results/a", "--candidate", "results/b", "--report", "file/v.md"), "can't write file/v.md"),
    (("--basline", "results/a"), "--basline"),
    (("histroy",), "histroy"),
    (("calibrate", "results/a"), "noise is seen between runs"),
    (("history", "nowhere.jsonl"), "nowhere.jsonl: No such file"),
    (("history", "h.jsonl", "--append", "results/a/run.json"), "not a verdict of schema 1"),
]


@pytest.mark.parametrize(("arguments", "told"), USAGE, ids=[told for _, told in USAGE])
def test_a_users_error_is_four_and_one_line(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    write("a", BASE)
    write("b", BASE)
    Path("bad.yaml").write_text("alhpa: 0.1\n")
    Path("loose.yaml").write_text("defaults: {margin: 4}\n")
    Path("file").write_text("")
    result = cli("gate", *arguments)
    assert result.code == 4
    assert told in result.error
    assert result.out == ""


def test_a_fault_of_clueplus_is_no_verdict_either(cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("a note about a patient")

    monkeypatch.setattr("clueplus.gate.judge.judge", broken)
    result = cli("gate", "--baseline", write("a", BASE), "--candidate", write("b", BASE))
    assert (result.code, "patient" in result.error) == (4, False)


def test_other_commands_keep_their_exit_code(cli: Cli) -> None:
    assert cli("noise", "results/nowhere").code == 2
    assert cli("--debug", "gate").code == 4


def test_reports_summary_annotations_and_history(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("# earlier\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    reports = [part for name in ("v.json", "v.md", "v.xml", "v.html") for part in ("--report", f"out/{name}")]
    arguments = ("gate", "--baseline", write("a", BASE), "--candidate", write("b", WORSE))
    result = cli(*arguments, *reports, "--github", "--history", "history.jsonl")
    assert result.code == 1
    assert re.search(r"^::error title=clueplus gate%3A FAIL::", result.out, flags=re.M)
    assert re.search(r"^::error title=medec%3A worse::medec: -10.0 points", result.out, flags=re.M)
    assert summary.read_text().startswith("# earlier\n## clueplus gate: FAIL\n")
    assert summary.read_text().removeprefix("# earlier\n") == Path("out/v.md").read_text()
    assert {path.name for path in Path("out").iterdir()} == {"v.json", "v.md", "v.xml", "v.html"}
    assert Path("history.jsonl").read_text().count("\n") == 1


def test_a_looser_policy_is_shown_with_its_reason(cli: Cli, write: Write) -> None:
    Path("gate.yaml").write_text("tasks:\n  medec: {margin: 12, reason: labels are noisy}\n")
    result = cli("gate", "--baseline", write("a", BASE), "--candidate", write("b", BASE), "--policy", "gate.yaml")
    assert result.code == 0
    assert "policy: tasks.medec.margin 2 -> 12, looser (labels are noisy)" in result.out
    Path("ours.yaml").write_text("tasks:\n  medec: {margin: 1, reason: strict}\n")
    arguments = ("gate", "--baseline", "results/a", "--candidate", "results/b", "--policy", "gate.yaml")
    again = cli(*arguments, "--reference-policy", "ours.yaml", "--json")
    assert json.loads(again.out)["policy"]["changes"][0]["before"] == "1"


def test_calibrate_measures_and_writes_a_policy_that_the_gate_takes(cli: Cli, write: Write) -> None:
    other = [0.0, *BASE[1:]]
    first, second = write("m", BASE), write("x", other, model_fields={"identity": identity(BASE)})
    result = cli("gate", "calibrate", first, second, "--out", "gate.yaml")
    assert result.code == 0
    assert "2 runs, 1 pairs: 1 PASS, 0 FAIL, 0 INCONCLUSIVE" in result.out
    assert re.search(r"^medec +59.90 +60.00 +0.07 +0.10$", result.out, flags=re.M)
    gated = cli("gate", "--baseline", first, "--candidate", second, "--policy", "gate.yaml", "--json")
    data = json.loads(gated.out)
    assert (gated.code, data["tasks"][0]["noise"]) == (0, pytest.approx(0.001))
    assert data["policy"]["changes"][0]["where"] == "noise.medec.points"
    found = json.loads(cli("gate", "calibrate", first, second, "--json").out)
    assert (found["pairs"], found["rate"]) == (1, 0.0)


def identity(values: Values) -> dict[str, dict[str, object]]:
    return dict(make_run({"medec": values}, name="m").record.model.identity)


def lower(count: int) -> list[float]:
    values = list(BASE)
    for place in [n for n, value in enumerate(BASE) if value][:count]:
        values[place] = 0.0
    return values


def test_history_finds_a_drift_that_every_step_passed(cli: Cli, write: Write) -> None:
    for number in range(4):
        write(f"r{number}", lower(14 * number))
    for number in range(3):
        sides = ("--baseline", f"results/r{number}", "--candidate", f"results/r{number + 1}")
        Path("gate.yaml").write_text("defaults: {margin: 3, reason: small task}\n")
        result = cli("gate", *sides, "--policy", "gate.yaml", "--report", f"v{number}.json")
        assert result.code == 0, result.out
    appended = [part for number in range(3) for part in ("--append", f"v{number}.json")]
    result = cli("gate", "history", "history.jsonl", *appended)
    assert result.code == 1
    assert len(re.findall(r"^\d{4}-.* PASS +r\d +r\d", result.out, flags=re.M)) == 3
    assert "drifted medec: -4.2 points over 3 steps" in result.out
    assert cli("gate", "history", "history.jsonl", "--anchor", "r2").code == 0
    paired = cli("gate", "history", "history.jsonl", "--anchor", "results/r0", "--json")
    data = json.loads(paired.out)
    assert (paired.code, data["paired"]["status"], data["drift"][0]["standing"]) == (1, "FAIL", "drifted")
    assert (
        "newest against the anchor, item by item: FAIL"
        in cli("gate", "history", "history.jsonl", "--anchor", "results/r0").out
    )
    wide = ("--anchor", "results/r0", "--policy", "gate.yaml")
    assert cli("gate", "history", "history.jsonl", *wide).code == 1
    Path("gate.yaml").write_text("defaults: {margin: 6}\n")
    assert cli("gate", "history", "history.jsonl", *wide).code == 0
    assert cli("gate", "history", "history.jsonl", "--anchor", "nobody").code == 4


def test_the_paper_is_inconclusive_and_warns(cli: Cli) -> None:
    sides = ("--baseline", "published:Phi-3.5-mini-instruct", "--candidate", "published:MediPhi-Instruct")
    result = cli("gate", *sides)
    assert result.code == 2
    assert "pls fails by its point estimate: -2.4 points" in result.out
    assert "medisumcode fails by its point estimate: -3.9 points" in result.out


def test_help_has_examples_and_exit_codes(cli: Cli) -> None:
    for words in (("gate",), ("gate", "calibrate"), ("gate", "history")):
        text = cli(*words, "--help").out
        assert "clueplus gate" in text
        assert "Example" in text
    assert "3 NOT COMPARABLE" in cli("gate", "--help").out
