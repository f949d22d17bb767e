"""Every metric against its reference implementation on the same inputs: largest difference, and how much faster.

    python benchmarks/metric_parity.py [--write | --check] [--doc docs/metrics.md] [--pairs 100] [--words 200]
                                       [--notes 200] [--many 10000] [--terms 200000] [--seed 0] [--json]

Inputs are made up from a seed; each module of benchmarks/parity/ says how. Seconds are processor time of the whole
process. The exit code is 1 where a number differs by more than its tolerance: 1e-5 for BERTScore, else 1e-9.

--write puts both tables between the marks of the page. --check, in place of that, tells whether the page still says
what is true: the same comparisons, and no difference larger than it states. Seconds are not checked: they are the
machine's. Differences are stated as powers of ten, so that the last bits of another processor make no page stale.
"""

import argparse
import json
import math
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

from parity.bertscore import compare_bertscore
from parity.compare import Comparison
from parity.labels import compare_labels
from parity.notes import compare_notes
from parity.rouge import compare_rouge
from parity.throughput import Throughput, measure_throughput

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"
BEGIN, END = "<!-- made by benchmarks/metric_parity.py --write -->", "<!-- end -->"
NOISE = 1e-12  # sums in another order


def measure(options: argparse.Namespace) -> list[Comparison]:
    return [
        *compare_rouge(options.pairs, options.words, options.seed),
        compare_bertscore(options.pairs, min(options.words, 60), options.seed),
        *compare_notes(options.notes, options.seed),
        *compare_labels(10 * options.notes, options.seed),
    ]


def bound(difference: float) -> str:
    """The power of ten that a difference stays below."""
    return "0" if difference == 0 else f"< 1e{max(math.floor(math.log10(difference)) + 1, round(math.log10(NOISE)))}"


def tables(comparisons: list[Comparison], throughput: list[Throughput]) -> str:
    rows = [
        "| metric | reference | inputs | largest difference | times as fast |",
        "|---|---|--:|--:|--:|",
        *(
            f"| {c.metric} | {c.peer} {version(c.peer)} | {c.inputs} | {bound(c.difference)} | {_short(c.ratio)} |"
            for c in comparisons
        ),
        "",
        "| all that a task does with an answer | answers | seconds |",
        "|---|--:|--:|",
        *(f"| {t.what} | {t.count:,} | {t.seconds:.1f} |" for t in throughput),
        "",
        f"CPython {platform.python_version()}, {platform.machine()}.",
    ]
    return "\n".join(rows)


def _short(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 10 else f"{float(f'{ratio:.2g}'):,.0f}"


def stated(page: str) -> dict[tuple[str, str], float]:
    """What a page says: by metric and reference, the bound of the difference."""
    made, _, _ = page.partition(BEGIN)[2].partition(END)
    rows = re.findall(r"^\| ([^|]+) \| ([\w-]+) [\w.+]+ \| [^|]+ \| (?:< )?([\de.-]+) \| [^|]+ \|$", made, flags=re.M)
    return {(metric, peer): float(limit) for metric, peer, limit in rows}


def stale(page: str, comparisons: list[Comparison]) -> list[str]:
    """What a page says that is no longer so, one line each."""
    known, measured = stated(page), {(c.metric, c.peer): c.difference for c in comparisons}
    lines = [f"not in the page: {metric} ({peer})" for metric, peer in measured.keys() - known.keys()]
    lines += [f"in the page only: {metric} ({peer})" for metric, peer in known.keys() - measured.keys()]
    for (metric, peer), difference in measured.items():
        limit = known.get((metric, peer), math.inf)
        if difference > max(limit, NOISE):
            lines.append(f"{metric} ({peer}): {difference:.2g}, the page says {limit:.2g}")
    return sorted(lines)


def write(path: Path, text: str) -> None:
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{path}: no marks {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--write", action="store_true", help="put the tables into the page")
    action.add_argument("--check", action="store_true", help="tell whether the page is stale in its differences")
    parser.add_argument("--doc", type=Path, default=PAGE, help="the page")
    parser.add_argument("--pairs", type=int, default=100, help="pairs of texts")
    parser.add_argument("--words", type=int, default=200, help="words of a text")
    parser.add_argument("--notes", type=int, default=200, help="notes that are compared; ten times as many labels")
    parser.add_argument("--many", type=int, default=10_000, help="notes whose scoring is timed without a peer")
    parser.add_argument("--terms", type=int, default=200_000, help="terms in the table of concepts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON instead of the tables")
    options = parser.parse_args()
    if min(options.pairs, options.words, options.notes, options.many, options.terms) < 2:
        parser.error("--pairs, --words, --notes, --many and --terms must be at least 2")

    comparisons = measure(options)
    too_large = [c for c in comparisons if not c.difference <= c.tolerance]
    for c in too_large:
        print(f"{c.metric} ({c.peer}) differs by {c.difference:.2g}, allowed {c.tolerance:.0e}", file=sys.stderr)
    if options.check:
        lines = stale(options.doc.read_text(encoding="utf-8"), comparisons)
        print("\n".join(lines) or f"{options.doc.name} says what is so")
        return 1 if lines or too_large else 0
    throughput = measure_throughput(options.many, options.terms, options.seed)
    if options.json:
        print(json.dumps({"comparisons": [c._asdict() | {"ratio": c.ratio} for c in comparisons],
                          "throughput": [t._asdict() for t in throughput]}, indent=2))  # fmt: skip
    else:
        print(tables(comparisons, throughput))
    if options.write and not too_large:
        write(options.doc, tables(comparisons, throughput))
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
