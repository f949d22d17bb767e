"""One line on what a stage made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clueplus.training.recipe.work import StageRecord


def told_of(record: StageRecord) -> str:
    """What came out of a stage, for a person."""
    result = record.result
    if record.kind == "corpus":
        return _corpus(result)
    if record.kind == "merge":
        cosine = (result.get("summary") or {}).get("cosine_to_base")
        return str(result.get("method")) + ("" if cosine is None else f", cosine to the base {cosine:.4f}")
    if record.kind == "evaluate":
        average = result.get("average")
        return "no average" if average is None else f"average {100 * average:.1f}"
    if record.kind == "gate":
        reasons = result.get("reasons") or []
        return f"{result.get('status')}" + (f": {reasons[0]}" if reasons else "")
    return _training(result)


def _corpus(result: Mapping[str, Any]) -> str:
    counts = {name: result.get(name) for name in ("documents", "rows", "tokens")}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if isinstance(count, int))


def _training(result: Mapping[str, Any]) -> str:
    losses = [f"{name} {value:.3f}" for name, value in (result.get("losses") or {}).items()]
    return f"{result.get('steps')} steps, {result.get('tokens', 0):,} tokens; loss {', '.join(losses) or 'unknown'}"
