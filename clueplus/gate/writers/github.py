"""The verdict as workflow commands of GitHub Actions, which it shows as annotations.

The escapes are those of GitHub's own toolkit (actions/toolkit, packages/core, command.ts): a message ends at a line
break, and a property at a comma or a colon.
"""

from __future__ import annotations

from clueplus.gate.verdict import Effect, Status, Verdict

_LEVEL: dict[Effect, str] = {"fail": "error", "hold": "error", "warn": "warning", "none": "notice"}
_STATUS_LEVEL: dict[Status, str] = {
    "PASS": "notice",
    "FAIL": "error",
    "INCONCLUSIVE": "error",
    "NOT COMPARABLE": "error",
}


def to_github(verdict: Verdict) -> str:
    """The verdict in one line first, because GitHub shows few annotations; then one a task or promise that matters."""
    lines = [_command(_STATUS_LEVEL[verdict.status], f"clueplus gate: {verdict.status}", verdict.headline)]
    for difference in verdict.differences():
        if difference.effect != "none":
            text = f"{difference.text}. {difference.advice}" if difference.advice else difference.text
            lines.append(_command(_LEVEL[difference.effect], f"{difference.task}: {difference.standing}", text))
    for check in verdict.checks:
        if check.effect != "none":
            title = f"{check.kind} of {check.subject}: {check.standing}"
            lines.append(_command(_LEVEL[check.effect], title, check.text))
    lines += [_command("warning", "clueplus gate", warning) for warning in verdict.warnings]
    return "\n".join(lines) + "\n"


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={escape_property(title)}::{escape_data(message)}"


def escape_data(text: str) -> str:
    """`text` as the message of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """`text` as the value of a command's property."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")
