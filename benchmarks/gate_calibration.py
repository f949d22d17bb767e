"""How often the gate blocks what did not change, and how often it finds what did.

Simulated runs of twelve tasks, of the sizes and kinds of CLUE+: right and wrong answers (some with clusters) and graded
scores. Both sides answer the same items; `--agreement` is the correlation of what they are good at, item by item. The
verdicts are those of the real decision on the real statistics; only reading files is left out. "No Holm" is what the
same runs would give if each task and the average were tested at alpha by itself.

Usage: python benchmarks/gate_calibration.py [--pairs 2000] [--power-pairs 400] [--agreement 0.8] [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clueplus.gate.decision import decide, overall, standing
from clueplus.gate.evidence import Evidence
from clueplus.gate.paired import bounded, mean_evidence
from clueplus.gate.policy import Policy, read_policy
from clueplus.statistics.binomial import failure_rate
from clueplus.statistics.macro import mean_difference
from clueplus.statistics.paired import paired_difference

Floats = NDArray[np.float64]


class Shape(NamedTuple):
    """A task's items, its level, whether answers are right or wrong, and items a cluster."""

    items: int
    level: float
    binary: bool
    cluster: int = 1


# Sizes of the official test sets, or near them where those are not public.
SHAPES = {
    "mednli": Shape(1422, 0.70, True, 3),
    "pls": Shape(237, 0.28, False),
    "meqsum": Shape(1000, 0.40, False),
    "longhealth": Shape(1200, 0.46, True, 3),
    "medisumqa": Shape(416, 0.28, False),
    "medisumcode": Shape(500, 0.40, False),
    "rrs_qa": Shape(600, 0.50, False),
    "medication_qa": Shape(485, 0.15, False),
    "medec": Shape(597, 0.35, True),
    "aci_bench": Shape(120, 0.43, False),
    "sdoh": Shape(400, 0.45, True),
    "icd10cm": Shape(3000, 0.50, True),
}


RERUN = 0.98  # the agreement of two runs of one model, whose engine is not quite repeatable


class Tally(NamedTuple):
    """Verdicts of many pairs: counts of each, how many a single task's uncorrected test would have blocked."""

    verdicts: Counter[str]
    uncorrected: int
    any_significant: int


def simulate(
    generator: np.random.Generator, shape: Shape, agreement: float, drop: float
) -> tuple[Floats, Floats, Floats]:
    """Two runs of one task: (items, 1) scores of each, and cluster labels. `drop` lowers the second side's mean.

    Each item has a latent score a side: a share of it is the cluster's, a share is common to both sides.
    """
    n = shape.items
    labels = np.arange(n) // shape.cluster
    common = np.sqrt(0.3) * generator.standard_normal(labels[-1] + 1)[labels] if shape.cluster > 1 else 0.0
    own = np.sqrt(0.7 if shape.cluster > 1 else 1.0)
    base = common + own * generator.standard_normal(n)
    sides = [np.sqrt(agreement) * base + np.sqrt(1 - agreement) * generator.standard_normal(n) for _ in range(2)]
    levels = shape.level, shape.level - drop
    if shape.binary:
        from scipy.special import ndtri

        scores = [(side < ndtri(level)).astype(np.float64) for side, level in zip(sides, levels, strict=True)]
    else:
        # Beta-like, skewed, inside [0, 1]: a normal score pushed through the quantiles of a beta distribution.
        from scipy.special import betaincinv, ndtr

        scores = [betaincinv(4 * level, 4 * (1 - level), ndtr(side)) for side, level in zip(sides, levels, strict=True)]
    return scores[0][:, None], scores[1][:, None], labels.astype(np.float64)


def judge(policy: Policy, runs: Mapping[str, tuple[Floats, Floats, Floats]]) -> tuple[str, bool, bool]:
    """The verdict's status, whether an uncorrected gate would have failed it, and whether any test was significant."""
    differences = {
        name: paired_difference(before, after, labels.tolist()) for name, (before, after, labels) in runs.items()
    }
    evidence = {name: bounded(d, policy.task(name).margin / 100, policy.alpha) for name, d in differences.items()}
    mean = mean_difference(list(differences.values()))
    average = mean_evidence(mean, list(evidence.values()), policy.macro_margin / 100, policy.alpha)
    decision = decide(policy, evidence, average)
    entries = [decision.average, *decision.tasks]
    status = overall([entry.effect for entry in entries if entry], decided=True)
    alone: list[tuple[Evidence, float]] = [(average, policy.macro_margin / 100)]
    alone += [(known, policy.task(name).margin / 100) for name, known in evidence.items()]
    uncorrected = any(standing(known, margin, 0.0, known.p, policy.alpha) == "worse" for known, margin in alone)
    significant = any(known.p is not None and known.p < policy.alpha for known, _ in alone)
    return status, uncorrected, significant


def tally(policy: Policy, pairs: int, agreement: float, drops: Mapping[str, float], seed: int) -> Tally:
    generator = np.random.default_rng(seed)
    verdicts: Counter[str] = Counter()
    uncorrected = any_significant = 0
    for _ in range(pairs):
        runs = {name: simulate(generator, shape, agreement, drops.get(name, 0.0)) for name, shape in SHAPES.items()}
        status, alone, significant = judge(policy, runs)
        verdicts[status] += 1
        uncorrected += alone
        any_significant += significant
    return Tally(verdicts, uncorrected, any_significant)


def report(found: Tally, pairs: int) -> dict[str, Any]:
    return {
        "pairs": pairs,
        **{name: found.verdicts[name] / pairs for name in ("PASS", "FAIL", "INCONCLUSIVE")},
        "fail_interval": failure_rate(found.verdicts["FAIL"], pairs)[1:3],
        "fail_without_holm": found.uncorrected / pairs,
        "any_loss_significant_without_holm": found.any_significant / pairs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--power-pairs", type=int, default=400)
    parser.add_argument("--agreement", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    policy = read_policy()
    started = time.perf_counter()
    found: dict[str, Any] = {}
    for agreement in (options.agreement, RERUN):
        found[f"none, agreement {agreement:g}"] = report(
            tally(policy, options.pairs, agreement, {}, options.seed), options.pairs
        )
    for points in range(1, 6):
        for what, names in (("every task", list(SHAPES)), ("one task (medec)", ["medec"])):
            drops = dict.fromkeys(names, points / 100)
            pairs = options.power_pairs
            found[f"{what} -{points}"] = report(
                tally(policy, pairs, options.agreement, drops, options.seed + points), pairs
            )
    if options.json:
        print(json.dumps({"seconds": time.perf_counter() - started, "cases": found}))
        return
    headings = ("pairs", "PASS", "FAIL", "95% interval", "INCONCL.", "no Holm")
    print(f"{'true change':20} {'{:>6} {:>7} {:>7} {:>14} {:>9} {:>8}'.format(*headings)}  any p < 0.05")
    for name, row in found.items():
        low, high = (f"{100 * bound:.1f}" for bound in row["fail_interval"])
        cells = [f"{100 * row[key]:.1f}%" for key in ("PASS", "FAIL", "INCONCLUSIVE", "fail_without_holm")]
        print(
            f"{name:20} {row['pairs']:6} {cells[0]:>7} {cells[1]:>7} {low + '-' + high:>14} {cells[2]:>9} {cells[3]:>8}"
            f"  {100 * row['any_loss_significant_without_holm']:.1f}%"
        )
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
