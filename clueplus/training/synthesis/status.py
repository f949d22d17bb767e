"""`synth status`: what a folder of synthesis holds, counted from its answers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from clueplus.training.synthesis.blocks import Reader, blocks
from clueplus.training.synthesis.state import State, read_sessions, read_state
from clueplus.training.synthesis.tally import Tally


def status(folder: Path) -> dict[str, Any]:
    """Rows, reasons, tokens, rate and cost as one JSON document.

    Raises:
        ClueplusError: the folder holds no synthesis, or a store is damaged.
    """
    state = read_state(folder)
    return summary(folder, state, stored_tally(folder, state))


def stored_tally(folder: Path, state: State) -> Tally:
    """The counts of all rows that are finished.

    Raises:
        StoreError: a store is damaged.
    """
    tally, reader = Tally(), Reader(state)
    for block in blocks(folder, state):
        settled = block.settled()
        if settled is None:
            settled, store = Tally(), block.store.load()
            for number in block.rows:
                reader.stored_row(store, number, settled)
        tally.add(settled)
    return tally


def summary(folder: Path, state: State, tally: Tally) -> dict[str, Any]:
    """The counts with what they are of; the rate is that of all orderly sessions together, None without one."""
    sessions = read_sessions(folder)
    seconds = sum(session["seconds"] for session in sessions)
    counts = tally.record()
    return {
        "synthesis": {
            "folder": str(folder),
            "recipe": state.recipe.name,
            "recipe_digest": state.recipe.digest(),
            "seed": state.seed,
            "model": state.model.name,
            "judge": state.judge.name if state.judge else None,
        },
        "rows": {
            "wanted": state.rows,
            "finished": tally.rows,
            "kept": tally.kept,
            "rejected": counts["rejected_rows"],
        },
        "pairs": {
            "kept": tally.pairs,
            "rejected": counts["rejected_pairs"],
            "unscored": tally.unscored,
            "unreadable_scores": counts["unreadable_scores"],
        },
        "usage": counts["usage"],
        "cost": tally.cost(state.prices),
        "failures": dict(Counter(sessions[-1]["failures"])) if sessions else {},
        "rate": {
            "rows_per_second": sum(session["rows"] for session in sessions) / seconds if seconds else None,
            "answers_per_second": sum(session["answers"] for session in sessions) / seconds if seconds else None,
            "tokens_per_second": sum(session["tokens"] for session in sessions) / seconds if seconds else None,
        },
    }
