"""Time and memory of the statistics of one gate: twelve tasks, clusters, the bootstrap, beside scipy.stats.bootstrap.

    python benchmarks/bootstrap.py [--tasks 12] [--items 6000] [--resamples 10000] [--peer-resamples 200] [--json]

What must be computed, for every task: the paired difference with its cluster-robust interval, its bound at a margin, a
bootstrap interval over clusters, and the sign-flip test; then Holm's correction and the mean over tasks. Half of the
tasks have right or wrong answers, half four components in [0, 1]; two items make a cluster in every third task, and in
the others each item is a cluster, which is the worst case.

The bootstrap of a mean is that of infinitely many resamples and draws none ("of the mean"). Drawing --resamples of them
is timed too: for the studentised interval, and for micro F1, which is no mean. scipy.stats.bootstrap draws items and
knows no clusters; it is timed with BCa on one task with --peer-resamples, and scaled to all tasks and to --resamples,
because its time goes with their number.

Seconds are wall-clock, processor seconds those of all threads. The peak is that of the process, all imports included.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from clueplus.statistics.bootstrap import cluster_bootstrap
from clueplus.statistics.discordance import sign_flip
from clueplus.statistics.macro import mean_difference
from clueplus.statistics.multiplicity import holm
from clueplus.statistics.noninferiority import non_inferiority
from clueplus.statistics.paired import paired_difference, paired_influence

Floats = NDArray[np.float64]
Task = tuple[Floats, Floats, list[str]]


def make_tasks(count: int, items: int, seed: int) -> list[Task]:
    rng = np.random.default_rng(seed)
    return [make_task(rng, number, items) for number in range(count)]


def make_task(rng: np.random.Generator, number: int, items: int) -> Task:
    clusters = [str(item // 2 if number % 3 == 0 else item) for item in range(items)]
    if number % 2:
        baseline = (rng.random((items, 1)) < 0.6).astype(float)
        return baseline, np.where(rng.random((items, 1)) < 0.2, 1 - baseline, baseline), clusters
    baseline = rng.beta(1.2, 4, (items, 4))
    return baseline, (baseline + rng.normal(0, 0.1, (items, 4))).clip(0, 1), clusters


def decide(tasks: list[Task]) -> None:
    differences = [paired_difference(*task) for task in tasks]
    shown = [non_inferiority(difference, 0.01) for difference in differences]
    holm([claim.p for claim in shown])
    mean_difference(differences)


def of_the_mean(tasks: list[Task]) -> None:
    for baseline, candidate, clusters in tasks:
        cluster_bootstrap(paired_influence(baseline, candidate), clusters)


def studentised(tasks: list[Task], resamples: int) -> None:
    for baseline, candidate, clusters in tasks:
        influence = paired_influence(baseline, candidate)
        cluster_bootstrap(influence, clusters, method="studentised", resamples=resamples)


def micro_f1(notes: Floats, resamples: int) -> None:
    cluster_bootstrap(notes, range(len(notes)), lambda s: 2 * s[:, 0] / (s[:, 1] + s[:, 2]), resamples=resamples)


def flips(tasks: list[Task], resamples: int) -> None:
    for baseline, candidate, clusters in tasks:
        sign_flip(paired_influence(baseline, candidate), clusters, resamples=resamples)


def peer(task: Task, resamples: int) -> None:
    influence = paired_influence(task[0], task[1])
    stats.bootstrap((influence,), np.mean, n_resamples=resamples, batch=100, method="BCa", rng=0)


def timed(work: Callable[[], None], scale: float = 1.0) -> dict[str, float]:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return {
        "seconds": round((time.perf_counter() - wall) * scale, 3),
        "processor_seconds": round((time.process_time() - processor) * scale, 3),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    tasks = make_tasks(options.tasks, options.items, options.seed)
    notes = np.random.default_rng(options.seed).poisson(5, (options.items, 3)) + 1.0
    make = options.resamples
    decide(tasks[:1])  # imports are not the statistics' time
    found = {
        "intervals, bounds, Holm, mean": timed(lambda: decide(tasks)),
        "bootstrap of the mean (BCa, infinitely many)": timed(lambda: of_the_mean(tasks)),
        f"sign flips ({make:,})": timed(lambda: flips(tasks, make)),
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    drawn = {
        f"bootstrap-t, drawn ({make:,})": timed(lambda: studentised(tasks, make)),
        f"micro F1 of one task, drawn ({make:,})": timed(lambda: micro_f1(notes, make)),
    }
    scale = options.tasks * make / options.peer_resamples
    return {
        "tasks": options.tasks,
        "items": options.items,
        "statistics of a gate": found,
        "peak_mb": peak,
        "beside": drawn,
        "peak_mb_with_drawing": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "scipy.stats.bootstrap (BCa, scaled)": timed(lambda: peer(tasks[0], options.peer_resamples), scale),
    }


def show(found: dict[str, Any], indent: str = "") -> None:
    for name, value in found.items():
        if isinstance(value, dict) and "seconds" not in value:
            print(f"{indent}{name}")
            show(value, indent + "  ")
        elif isinstance(value, dict):
            print(f"{indent}{name:48s} {value['seconds']:9.3f} s  ({value['processor_seconds']:.3f} s of processor)")
        else:
            print(f"{indent}{name:48s} {value}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=12)
    parser.add_argument("--items", type=int, default=6000)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--peer-resamples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options)
    print(json.dumps(found, indent=2)) if options.json else show(found)


if __name__ == "__main__":
    main()
