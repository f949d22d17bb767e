"""`clueplus gate`, `clueplus gate calibrate` and `clueplus gate history`."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clueplus.cli.shared import Json, print_json
from clueplus.errors import ClueplusError

if TYPE_CHECKING:
    from clueplus.gate.history import Drift
    from clueplus.gate.policy import Policy
    from clueplus.gate.verdict import Verdict

USAGE = 4  # here 2 is a verdict, so a user's error has another code
SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"

HELP = """May the candidate replace the baseline? PASS, FAIL, INCONCLUSIVE or NOT COMPARABLE, with reasons.

A and B are run folders, their run.json, or published:ROW for scores of the MediPhi paper. The policy says how much may
be lost and how sure one must be; docs/gate.md explains it.

Exit codes: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 3 NOT COMPARABLE, 4 a user's error, 130 interrupted."""

EXAMPLES = """Examples:

clueplus gate --baseline results/release/20260101T120000Z --candidate results/checkpoint/20260102T120000Z

clueplus gate --baseline A --candidate B --policy gate.yaml --report verdict.json --report junit.xml

clueplus gate --baseline published:Phi-3.5-mini-instruct --candidate published:MediPhi-Instruct"""

CALIBRATE_HELP = """Measure the gate on runs of one model: how often it blocks what did not change, and how scores move.

With --out, writes the policy with a noise floor a task, each with its reason; everything else in it stays."""

CALIBRATE_EXAMPLES = """Example:

clueplus gate calibrate results/m/20260101T120000Z results/m/20260101T130000Z --policy gate.yaml --out gate.yaml"""

HISTORY_HELP = """List the verdicts of a history file, and find the slow drift that no single step shows.

Exit codes: 0 no drift, 1 drift, 4 a user's error."""

HISTORY_EXAMPLES = """Examples:

clueplus gate history gate-history.jsonl

clueplus gate history gate-history.jsonl --append verdict.json --anchor results/release/20260101T120000Z"""

app = typer.Typer(help=HELP, epilog=EXAMPLES, rich_markup_mode=None, invoke_without_command=True)


def complete_side(incomplete: str) -> list[str]:
    """Rows of published scores; paths are the shell's own."""
    from clueplus.records.published import PREFIX, read_published

    return [name for name in (f"{PREFIX}{row}" for row in read_published().rows) if name.startswith(incomplete)]


@app.callback(epilog=EXAMPLES)
def gate(
    context: typer.Context,
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="A", help="What is in use.", autocompletion=complete_side)
    ] = None,
    candidate: Annotated[
        str | None, typer.Option("--candidate", metavar="B", help="What may replace it.", autocompletion=complete_side)
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="Default: the policy that clueplus ships.")
    ] = None,
    reference_policy: Annotated[
        Path | None,
        typer.Option(
            "--reference-policy",
            metavar="FILE",
            help="What is looser than this policy needs a reason. Default: shipped.",
        ),
    ] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option("--report", metavar="FILE", help="Also write .json, .md, .xml (JUnit) or .html; repeatable."),
    ] = None,
    github: Annotated[
        bool,
        typer.Option("--github", help=f"Print annotations for GitHub and add the report to ${SUMMARY_VARIABLE}."),
    ] = False,
    history: Annotated[
        Path | None, typer.Option("--history", metavar="FILE", help="Append the verdict to this JSON Lines file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Parses, judges, writes, prints; the help text is HELP."""
    if context.invoked_subcommand is not None:
        return
    if baseline is None or candidate is None:
        missing = "--baseline" if baseline is None else "--candidate"
        raise ClueplusError(f"{missing} is missing", fix="clueplus gate --help")
    if as_json and github:
        raise ClueplusError("--json and --github both print to standard output", fix="write --report verdict.json")
    from clueplus.gate.history import append_verdict
    from clueplus.gate.judge import judge, use_policy
    from clueplus.gate.sides import open_side
    from clueplus.gate.writers import write_reports, writer_of

    for path in report or []:
        writer_of(path)
    chosen, reference = _policies(policy, reference_policy)
    use = use_policy(chosen, reference)
    sides = open_side(baseline), open_side(candidate)
    gc.freeze()  # what was read stays to the end: the collector need not look through it again and again
    verdict = judge(*sides, chosen, use)
    write_reports(verdict, report or [])
    if history is not None:
        append_verdict(history, verdict)
    _print(verdict, as_json=as_json, github=github)
    raise typer.Exit(verdict.exit_code)


def _policies(policy: Path | None, reference: Path | None) -> tuple[Policy, Policy]:
    from clueplus.gate.policy import read_policy

    return read_policy(policy), read_policy(reference, option="--reference-policy")


def _print(verdict: Verdict, *, as_json: bool, github: bool) -> None:
    """Shows the verdict. A reader of a pipe who leaves early does not change it."""
    from clueplus.cli.gate_console import show_verdict
    from clueplus.gate.writers.github import to_github
    from clueplus.gate.writers.json import to_json

    if github:
        _summarise(verdict)
    try:
        if as_json:
            sys.stdout.write(to_json(verdict))
        else:
            show_verdict(verdict)
        if github:
            sys.stdout.write(to_github(verdict))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _summarise(verdict: Verdict) -> None:
    """Adds the report to the summary of a GitHub job, which other steps may have begun."""
    from clueplus.gate.writers.markdown import to_markdown

    path = os.environ.get(SUMMARY_VARIABLE)
    if not path:
        raise ClueplusError(
            f"--github: {SUMMARY_VARIABLE} is not set", fix="leave --github out where GitHub does not run"
        )
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(to_markdown(verdict))
    except OSError as error:
        raise ClueplusError(f"can't write {path}: {error.strerror}", fix=f"check ${SUMMARY_VARIABLE}") from error


@app.command("calibrate", help=CALIBRATE_HELP, epilog=CALIBRATE_EXAMPLES)
def calibrate(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN...", help="Runs of one model in which nothing changed.")
    ],
    policy: Annotated[Path | None, typer.Option("--policy", metavar="FILE", help="The policy to calibrate.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the calibrated policy here.")] = None,
    as_json: Json = False,
) -> None:
    """Parses, measures, writes, prints; the help text is CALIBRATE_HELP."""
    from datetime import UTC, datetime

    from clueplus.cli.gate_console import show_calibration
    from clueplus.files import write_atomic
    from clueplus.gate.calibration import calibrate as measure
    from clueplus.gate.calibration import calibrated_policy
    from clueplus.gate.policy import read_policy
    from clueplus.records.run import read_run

    found = measure([read_run(run) for run in runs], read_policy(policy))
    if out is not None:
        write_atomic(out, calibrated_policy(policy, found, datetime.now(UTC).date().isoformat()))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        show_calibration(found, out)


@app.command("history", help=HISTORY_HELP, epilog=HISTORY_EXAMPLES)
def history(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines, one verdict a line.")],
    append: Annotated[
        list[Path] | None,
        typer.Option("--append", metavar="VERDICT.json", help="First add this verdict; repeatable, oldest first."),
    ] = None,
    anchor: Annotated[
        str | None,
        typer.Option(
            "--anchor", metavar="RUN", help="The release to measure from: a run's name, or its folder for paired items."
        ),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="For the paired comparison with the anchor.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Parses, appends, reads, prints; the help text is HISTORY_HELP."""
    from clueplus.cli.gate_console import show_history
    from clueplus.gate.history import append_verdict, find_drift, read_history
    from clueplus.gate.policy import read_policy
    from clueplus.gate.verdict import read_verdict

    for verdict in [read_verdict(path) for path in append or []]:
        append_verdict(file, verdict)
    verdicts = read_history(file)
    name, paired = (anchor, None) if anchor is None else _against(anchor, verdicts, read_policy(policy))
    drifts = find_drift(verdicts, name)
    if as_json:
        print_json(
            {
                "verdicts": [verdict.model_dump(mode="json") for verdict in verdicts],
                "drift": [drift.model_dump(mode="json") for drift in drifts],
                "paired": paired and paired.model_dump(mode="json"),
            }
        )
    else:
        show_history(verdicts, drifts, paired)
    raise typer.Exit(int(_drifted(drifts, paired)))


def _against(anchor: str, verdicts: list[Verdict], policy: Policy) -> tuple[str, Verdict | None]:
    """The anchor's name, and the newest candidate against it where both have their records here."""
    from clueplus.gate.judge import judge_runs
    from clueplus.records.run import read_run

    if not Path(anchor).exists():
        return anchor, None
    run = read_run(Path(anchor))
    newest = Path(verdicts[-1].candidate.source) if verdicts else Path()
    if not (newest / "run.json").is_file():
        return run.record.run, None
    return run.record.run, judge_runs(run, read_run(newest), policy)


def _drifted(drifts: list[Drift], paired: Verdict | None) -> bool:
    """Paired items decide where there are any."""
    if paired is not None:
        return paired.status == "FAIL"
    return any(drift.standing == "drifted" for drift in drifts)
