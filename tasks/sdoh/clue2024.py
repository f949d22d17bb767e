"""SDoH as the paper scores it: by eval4ner, type match, macro over notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clueplus.data.load import import_module
from clueplus.metrics.components import item_scores

own = import_module(Path(__file__).with_name("sdoh.py"))


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """eval4ner's F1 of one note as the component; the answer is read as in `clueplus-1`, which reports it beside."""
    found = own.process_results(doc, results)
    return item_scores({"overlap_f1": found["eval4ner_f1"]}, unscorable=bool(found["unscorable"]))
