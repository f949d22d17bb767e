"""The verdict as one static page: no script, nothing from elsewhere, a forest plot in it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from clueplus.gate.verdict import Verdict
from clueplus.gate.writers.rows import HEADINGS, LEGEND, mark, row
from clueplus.plots.forest import Row, forest

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;display:block;overflow-x:auto;font-variant-numeric:tabular-nums}"
    "th,td{padding:.2rem .8rem .2rem 0;text-align:right;white-space:nowrap}"
    ".text{text-align:left}.wrap{white-space:normal}"
    "tr.fail,h1.FAIL{color:#d55e00}tr.hold,tr.warn,h1.INCONCLUSIVE{color:#b8860b}"
    "code{overflow-wrap:anywhere}"
)
_POLICY = "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
_TEXT_COLUMNS = {0, 1, len(HEADINGS) - 1}


def to_html(verdict: Verdict) -> str:
    """A page that opens from a file; its content security policy allows its own style and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY.format(hash=digest)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>clueplus gate: {verdict.status}</title><style>{_STYLE}</style></head><body>",
            *_body(verdict),
            "</body></html>",
            "",
        ]
    )


def _body(verdict: Verdict) -> Iterator[str]:
    yield f'<h1 class="{verdict.status.split()[0]}" data-status="{verdict.status}">{verdict.status}</h1>'
    sides = (f"<code>{escape(side.source)}</code>" for side in (verdict.candidate, verdict.baseline))
    yield f"<p>{' against '.join(sides)}, {verdict.evidence}.</p>"
    yield _list(verdict.reasons)
    differences = list(verdict.differences())
    if differences:
        yield _plot(verdict)
        cells = [(f.task, f.effect, row(f)) for f in differences]
        yield _table(HEADINGS, cells, _TEXT_COLUMNS)
        yield f"<p><small>{escape(LEGEND)}</small></p>"
    yield from _section("What would settle it", _list(f"{f.task}: {f.advice}" for f in differences if f.advice))
    checks = [(f"{c.kind} of {c.subject}", c.effect, (c.kind, c.subject, mark(c), c.text)) for c in verdict.checks]
    yield from _section("Promises", _table(("kind", "of", "standing", ""), checks, set(range(4))) if checks else "")
    yield from _section("Warnings", _list(verdict.warnings))
    changes = [
        (c.where, "none", (c.where, c.before, c.after, c.effect, c.reason or "")) for c in verdict.policy.changes
    ]
    headings = ("key", "reference", "here", "", "reason")
    yield from _section(
        "The policy differs from its reference", _table(headings, changes, set(range(5))) if changes else ""
    )
    yield (
        f"<p>Policy <code>{escape(verdict.policy.source)}</code>, alpha {verdict.alpha:g} one-sided, "
        f"clueplus {escape(verdict.clueplus)}, {verdict.created:%Y-%m-%d %H:%M} UTC.</p>"
    )


def _plot(verdict: Verdict) -> str:
    rows = [
        Row(found.task, _points(found.difference), _points(found.low), _points(found.high), strong=found.tier is None)
        for found in verdict.differences()
    ]
    title = f"Candidate less baseline, with one-sided bounds at {verdict.alpha:g} each"
    return forest(rows, title=title, unit="points", below="worse", above="better")


def _points(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _section(title: str, content: str) -> Iterator[str]:
    if content:
        yield f"<h2>{title}</h2>"
        yield content


def _list(lines: Iterable[str]) -> str:
    entries = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{entries}</ul>" if entries else ""


def _table(headings: Sequence[str], rows: Iterable[tuple[str, str, Sequence[str]]], text: set[int]) -> str:
    """Rows of (name, effect, cells); columns in `text` are aligned to the left."""

    def cells(tag: str, values: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{_class(number, len(values), text)}>{escape(value)}</{tag}>" for number, value in enumerate(values)
        )

    body = "".join(
        f'<tr class="{effect}" data-name="{escape(name)}">{cells("td", values)}</tr>' for name, effect, values in rows
    )
    return f"<table><thead><tr>{cells('th', headings)}</tr></thead><tbody>{body}</tbody></table>"


def _class(number: int, width: int, text: set[int]) -> str:
    if number not in text:
        return ""
    return ' class="text wrap"' if number == width - 1 else ' class="text"'
