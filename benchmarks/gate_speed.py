"""Seconds and memory of `clueplus gate` on two large runs: 12 tasks of 6,000 items, with a clustered bootstrap.

Writes two synthetic runs (half of the tasks right-or-wrong, half graded with five components, 3,000 clusters a task),
then runs the command as a user would. Wall time and peak resident memory are those of the whole process, Python's
start included. Reading is also measured alone, beside the plain way of one validation a line.

Usage: python benchmarks/gate_speed.py [--tasks 12] [--items 6000] [--runs 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from clueplus.files import sha256
from clueplus.records.run import (
    BaselineRecord,
    DataRecord,
    GenerationRecord,
    ItemRecord,
    Measure,
    ModelRecord,
    RunRecord,
    TaskRecord,
    read_run,
    write_run,
)

GRADED = ("rouge_l", "rouge_1", "rouge_2", "bertscore_f1", "umls_f1")
LIMITS = {"seconds": 2.0, "megabytes": 500.0}


def write_synthetic_run(folder: Path, tasks: int, items: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    records, all_items = [], []
    for number in range(tasks):
        name = f"task_{number:02}"
        components = ("accuracy",) if number % 2 == 0 else GRADED
        values = generator.random((items, len(components)))
        if number % 2 == 0:
            values = (values < 0.7).astype(np.float64)
        own = [
            ItemRecord(
                task=name,
                index=index,
                id=f"{name}-{index}",
                cluster=f"patient {index // 2}",
                document_hash=sha256(f"{name} {index}"),
                prompt_hash=sha256(f"{name} prompt {index}"),
                response_key=sha256(f"{name} response {index} {seed}"),
                outcome="scored",
                answer_hash=sha256(f"{name} answer {index} {seed}")[:16],
                components=dict(zip(components, row.tolist(), strict=True)),
                prompt_tokens=900,
                completion_tokens=30,
            )
            for index, row in enumerate(values)
        ]
        all_items += own
        score = Measure(value=float(values.mean()), n=items)
        records.append(
            TaskRecord(
                name=name,
                version=1,
                title=name,
                data=DataRecord(
                    variant="official", tier="open", licence="none", sources={}, documents={"test": sha256(name)}
                ),
                scoring="clueplus-1",
                shots=3,
                decoding={"max_tokens": 32, "temperature": 0.0},
                prompts=sha256(f"{name} prompts"),
                documents=items,
                limit=None,
                outcomes={"scored": items, "unscorable": 0, "infrastructure_error": 0},
                truncated=0,
                score=score,
                components={c: Measure(value=float(values[:, k].mean()), n=items) for k, c in enumerate(components)},
                beside={},
                breakdowns={},
                trivial_baseline=BaselineRecord(name="baseline:majority", score=score),
            )
        )
    identity = {record.name: {"kind": "endpoint", "model": folder.name, "template": "t"} for record in records}
    record = RunRecord(
        run=folder.name,
        status="complete",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        command=["clueplus", "evaluate"],
        clueplus="0",
        environment={},
        model=ModelRecord(
            name=folder.name, kind="endpoint", api="chat", identity=identity, reasoning=("<think>", "</think>")
        ),
        variant="official",
        tasks=records,
        average=Measure(value=None, n=tasks),
        generation=GenerationRecord(requests=0, reused=0, generated=0, seconds=0, concurrency=1, store="../none"),
    )
    write_run(folder, record, all_items)


def gate(folder: Path) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak megabytes of one call; the verdict does not matter."""
    command = [
        sys.executable,
        "-m",
        "clueplus",
        "gate",
        "--baseline",
        str(folder / "a"),
        "--candidate",
        str(folder / "b"),
    ]
    started = time.perf_counter()
    process = subprocess.Popen([*command, "--json"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1, 2):
        raise SystemExit(f"{' '.join(command)} failed with {process.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def read_plainly(folder: Path) -> float:
    """Seconds of one pydantic validation a line: what reading would cost without care."""
    started = time.perf_counter()
    line_reader = TypeAdapter(ItemRecord)
    found = [line_reader.validate_json(line) for line in (folder / "items.jsonl").read_bytes().splitlines()]
    seconds = time.perf_counter() - started
    assert found
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=12)
    parser.add_argument("--items", type=int, default=6000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, side in enumerate("ab"):
            write_synthetic_run(folder / side, options.tasks, options.items, number)
        calls = [gate(folder) for _ in range(options.runs)]
        started = time.perf_counter()
        read_run(folder / "a")
        reading = time.perf_counter() - started
        plain = read_plainly(folder / "a")
    found = {
        "seconds": min(seconds for seconds, _, _ in calls),
        "processor seconds": min(seconds for _, seconds, _ in calls),
        "megabytes": max(megabytes for _, _, megabytes in calls),
        "read one run, seconds": reading,
        "read one run plainly, seconds": plain,
    }
    if options.json:
        print(json.dumps(found))
        return
    for key, value in found.items():
        limit = f"limit {LIMITS[key]:g}" if key in LIMITS else ""
        print(f"{key:32} {value:8.2f}   {limit}")


if __name__ == "__main__":
    main()
