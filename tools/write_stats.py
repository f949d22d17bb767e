"""Writes `stats.json` of every task, imported variants apart: after a change of a task, with a new task version.

Usage: CLUEPLUS_DATA_MIRROR=DIR python tools/write_stats.py [TASK...]
"""

from __future__ import annotations

import json
import sys

from clueplus.data import Library
from clueplus.data.verify import statistics
from clueplus.files import write_atomic
from clueplus.registry import Catalog


def main(names: list[str]) -> None:
    catalog, library = Catalog(), Library.here()
    for spec in catalog.select(names or list(catalog.tasks)):
        variants = [name for name, variant in spec.metadata.variants.items() if not variant.imported]
        described = {variant: statistics(spec, variant, library) for variant in variants}
        write_atomic(spec.folder / "stats.json", json.dumps(described, indent=1, ensure_ascii=False) + "\n")
        print(spec.name, {variant: value["test"]["documents"] for variant, value in described.items()})


if __name__ == "__main__":
    main(sys.argv[1:])
