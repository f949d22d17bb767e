"""The `clueplus` command: groups its subcommands and turns every error into one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from clueplus import __version__
from clueplus.cli import (
    compare,
    data,
    evaluate,
    gate,
    leaderboard,
    merge,
    models,
    noise,
    results,
    score,
    serve,
    synth,
    tasks,
    train,
)
from clueplus.errors import ClueplusError, messages_withheld, one_line

DEBUG_VARIABLE = "CLUEPLUS_DEBUG"
INTERRUPTED = 130
# What an interrupted command keeps; others leave nothing half done.
KEPT = {"evaluate": "answers", "data rewrite": "answers", "train run": "stages", "synth": "answers"}

app = typer.Typer(
    name="clueplus",
    help="Is this clinical language model better than that one, and may it ship?",
    epilog="A newcomer starts with: clueplus evaluate --model baseline",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("evaluate", help=evaluate.HELP, epilog=evaluate.EXAMPLES)(evaluate.evaluate)
app.command("score", help=score.HELP, epilog=score.EXAMPLES)(score.score)
app.command("serve", help=serve.HELP, epilog=serve.EXAMPLES)(serve.serve)
app.command("noise", help=noise.HELP, epilog=noise.EXAMPLES)(noise.noise)
app.command("compare", help=compare.HELP, epilog=compare.EXAMPLES)(compare.compare)
app.command("merge", help=merge.HELP, epilog=merge.EXAMPLES)(merge.merge)
app.add_typer(gate.app, name="gate")
app.add_typer(tasks.app, name="tasks")
app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")
app.add_typer(train.app, name="train")
app.add_typer(results.app, name="results")
app.add_typer(leaderboard.app, name="leaderboard")
app.add_typer(synth.app, name="synth")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"clueplus {__version__}")
        raise typer.Exit


@app.callback()
def _globals(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    if debug:
        os.environ[DEBUG_VARIABLE] = "1"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and leaves the process.

    Exit codes: 0 done, 2 a user's error in one line, 130 interrupted, 1 a fault of clueplus itself. Of `gate`, 0 to 3
    are verdicts, so that both kinds of error are 4.
    """
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    command = typer.main.get_command(app)
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = command.main(args=words, prog_name="clueplus", standalone_mode=False) or 0
    except BrokenPipeError:
        # The reader of a pipe left (head); what it did not want is no error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        code = _explain(error)
        return gate.USAGE if _command_of(words) == "gate" else code
    if code == INTERRUPTED:  # typer turns Ctrl-C into this code by itself
        kept = next((what for command, what in KEPT.items() if _begins(words, command)), None)
        _say(f"interrupted: finished {kept} are stored; the same command goes on from there" if kept else "interrupted")
    return int(code)


def _begins(words: Sequence[str], command: str) -> bool:
    given = [word for word in words if not word.startswith("-")]
    return given[: len(command.split())] == command.split()


def _command_of(words: Sequence[str]) -> str:
    """The subcommand: the first word that is no option."""
    return next((word for word in words if not word.startswith("-")), "")


def _explain(error: Exception) -> int:
    if os.environ.get(DEBUG_VARIABLE):
        import traceback

        reason = messages_withheld()
        if reason is None or isinstance(error, ClueplusError):
            traceback.print_exception(error, chain=reason is None)
        else:
            _say("".join(traceback.format_tb(error.__traceback__)))
            _say(f"{type(error).__name__}: its message is withheld, because {reason}")
    if isinstance(error, ClueplusError):
        text, code = str(error), error.exit_code
    elif hasattr(error, "format_message"):  # typer's own: an unknown option, a missing argument, a wrong type
        context = getattr(error, "ctx", None)
        text = f"{error.format_message().rstrip('.')}. Fix: {context.command_path if context else 'clueplus'} --help"
        code = 2
    else:
        # Its text may hold document text, so only the kind of error is told.
        text = f"clueplus failed with {type(error).__name__}. Fix: run again with --debug and report what it shows"
        code = 1
    _say(f"error: {one_line(text)}")
    return code


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
