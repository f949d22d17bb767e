"""The verdict as JSON, for machines."""

from __future__ import annotations

from clueplus.gate.verdict import Verdict


def to_json(verdict: Verdict) -> str:
    """One document with every field, ending in a newline; `verdict.read_verdict` reads it again."""
    return verdict.model_dump_json(indent=2) + "\n"
