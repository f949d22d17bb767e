"""The verdict as Markdown: for a job summary or a comment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clueplus.comparison.wording import markdown, plain
from clueplus.gate.verdict import Verdict
from clueplus.gate.writers.rows import HEADINGS, LEGEND, mark, row, tally


def to_markdown(verdict: Verdict) -> str:
    """Headings, tables and lists; every text of the verdict is escaped."""
    parts = [
        f"## clueplus gate: {verdict.status}",
        f"{_code(verdict.candidate.source)} against {_code(verdict.baseline.source)}, {verdict.evidence}.",
        _bullets(verdict.reasons),
    ]
    differences = list(verdict.differences())
    if differences:
        parts += [_table(HEADINGS, map(row, differences), left=(0, 1, len(HEADINGS) - 1)), LEGEND]
    advice = [f"{found.task}: {found.advice}" for found in differences if found.advice]
    parts += _section("What would settle it", _bullets(advice))
    checks = [(check.kind, check.subject, mark(check), check.text) for check in verdict.checks]
    if checks:
        table = _table(("kind", "of", "standing", ""), checks, left=range(4))
        parts.append(f"<details><summary>Promises: {tally(verdict.checks)}</summary>\n\n{table}\n\n</details>")
    parts += _section("Warnings", _bullets(verdict.warnings))
    changes = [(c.where, c.before, c.after, c.effect, c.reason or "") for c in verdict.policy.changes]
    heading = ("key", "reference", "here", "", "reason")
    parts += _section(
        "The policy differs from its reference", _table(heading, changes, left=range(5)) if changes else ""
    )
    parts.append(
        f"Policy {_code(verdict.policy.source)}, alpha {verdict.alpha:g} one-sided, clueplus {verdict.clueplus}."
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(title: str, content: str) -> list[str]:
    return [f"### {title}", content] if content else []


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"* {markdown(line)}" for line in lines)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], left: Iterable[int]) -> str:
    places = set(left)
    rule = ["---" if number in places else "--:" for number in range(len(headings))]
    lines = [headings, rule, *([markdown(cell) for cell in cells] for cells in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _code(text: str) -> str:
    """`text` as a code span; a backtick inside would end it."""
    return f"`{plain(text).replace('`', chr(39))}`"
