"""How fast rows are compared with every test split at hand, and how much memory that takes.

    CLUEPLUS_DATA_MIRROR=DIR python benchmarks/decontamination.py [--documents 20000] [--words 400] [--json]

Documents are random words of a Zipf-like distribution, so that none is dropped: the common case, and the slowest.
CPU time of one process.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from clueplus.data import Library
from clueplus.registry import Catalog
from clueplus.training.corpora.filters import Filters
from clueplus.training.corpora.overlap import RowWords
from clueplus.training.corpora.rows import Row
from clueplus.training.corpora.spec import CorpusSpec
from clueplus.training.corpora.surroundings import Surroundings


def texts(count: int, words: int) -> Iterator[str]:
    """Documents of random words."""
    draw = np.random.default_rng(1234)
    for _ in range(count):
        yield " ".join(f"w{number}" for number in draw.zipf(1.3, words))


def timed(work: Any) -> tuple[Any, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def peak() -> float:
    """The most memory of the process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def passed(documents: list[str], filters: Filters) -> int:
    return sum(filters.reason(Row({"text": text}, (text,), text))[0] is None for text in documents)


def measure(count: int, words: int) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        around = Surroundings(Catalog(), Library.here(), Path(folder))
        benchmark, seconds = timed(lambda: around.benchmark(13))
    index, documents = benchmark.index, list(texts(count, words))
    size = sum(map(len, documents)) / 1e6
    hits, looking = timed(lambda: sum(bool(index.hits(RowWords([text]))) for text in documents))
    result = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "test_splits": sum(not split.unchecked for split in benchmark.splits),
        "hashes": len(index.table),
        "index_mb": index.table.bytes / 1e6,
        "index_seconds": seconds,
        "documents": count,
        "words_a_document": words,
        "hits": hits,
        "overlap_documents_a_second": count / looking,
        "overlap_mb_a_second": size / looking,
    }
    for name, near in (("without_near_duplicates", None), ("all_filters", {})):
        spec = CorpusSpec.model_validate(
            {"sources": [{"name": "x", "licence": "x", "path": "x"}], "near_duplicates": near}
        )
        filters, before = Filters(spec, index), peak()
        kept, seconds = timed(lambda filters=filters: passed(documents, filters))
        result |= {
            f"{name}_kept": kept,
            f"{name}_documents_a_second": count / seconds,
            f"{name}_kb_a_document": (peak() - before) * 1024 / count,
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--words", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.documents, options.words)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"{name.replace('_', ' '):45} {value:,.1f}" if isinstance(value, float) else f"{name:45} {value}")


if __name__ == "__main__":
    main()
