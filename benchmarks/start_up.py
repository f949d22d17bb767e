"""CPU seconds of start-up: `import clueplus`, `clueplus --help`, `clueplus tasks list`, beside a bare interpreter.

The limit is the bare interpreter: nothing of ours can be faster. Each command runs several times in a fresh process
after one warm-up, and the minimum of user + system time is shown: what the work needs, without the machine's noise.

Usage: python benchmarks/start_up.py [--runs 7] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

BUDGET = {"import clueplus": 0.10, "clueplus --help": 0.25, "clueplus tasks list": 0.50}


def commands() -> dict[str, list[str]]:
    clueplus = str(Path(sys.executable).with_name("clueplus"))
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import clueplus": [sys.executable, "-c", "import clueplus"],
        "clueplus --help": [clueplus, "--help"],
        "clueplus tasks list": [clueplus, "tasks", "list"],
        "import lm_eval.tasks (peer)": [sys.executable, "-c", "import lm_eval.tasks"],
    }


def cpu_seconds(command: list[str]) -> float:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {name: min(cpu_seconds(c) for _ in range(options.runs + 1)) for name, c in commands().items()}
    if options.json:
        print(json.dumps(found))
        return
    for name, seconds in found.items():
        budget = f"budget {BUDGET[name]:.2f}" if name in BUDGET else ""
        print(f"{name:30} {seconds:6.3f} s CPU   {budget}")


if __name__ == "__main__":
    main()
