"""What a checkpoint on this machine was made from, for the record of its evaluation."""

from __future__ import annotations

from pathlib import Path

from clueplus.errors import DataError
from clueplus.evaluation.options import Options, Reporter
from clueplus.records.lineage import LINEAGE_NAME, Origin, check_lineage, origin_of, read_lineage
from clueplus.registry import ModelSpec


def origin_beside(options: Options, spec: ModelSpec | None, reporter: Reporter) -> Origin | None:
    """The lineage of a checkpoint's folder in short; None where there is none that can be believed.

    Whoever trained on, or changed the tokenizer, often leaves the old file there: then it is told of, and left out.
    Servers that run already are asked for no lineage, because nobody knows what they loaded.
    """
    folder = Path(spec.weights if spec and spec.weights else options.model)
    if options.base_urls or not (folder / LINEAGE_NAME).is_file():
        return None
    try:
        lineage = read_lineage(folder)
        check_lineage(folder, lineage)
    except DataError as error:
        reporter.note(f"the record tells no origin: {error.message}")
        return None
    return origin_of(lineage)
