"""A leaderboard of many models: size of the front page, seconds to build, to sort and to open a viewer.

Records are synthetic. The build runs on one core (numpy's threads are held to one). Sorting and opening are timed in
Chromium where there is one.

    python benchmarks/leaderboard.py
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from clueplus.leaderboard.build import Options, build  # noqa: E402
from clueplus.records.run import write_run  # noqa: E402
from clueplus.records.samples import Sample, TaskSamples  # noqa: E402
from clueplus.registry import Catalog  # noqa: E402
from tests.support.boards import ALL, board_run  # noqa: E402
from tests.support.browser import browser_missing, chromium  # noqa: E402

SORT = """() => {
  const button = document.querySelector('.board th[data-key="medec"] button');
  const started = performance.now();
  button.click();
  document.body.getBoundingClientRect();
  return performance.now() - started;
}"""


def write_records(results: Path, models: int, items: int) -> None:
    """Every fifth model is the base of the four after it."""
    for number in range(models):
        spec = {
            "base": f"model-{number - number % 5}" if number % 5 else None,
            "parameters": 3_800_000_000 * (1 + number % 4 * 3),
            "licence": "MIT",
            "weights": f"organisation/model-{number}",
        }
        run = board_run(f"model-{number}", 0.3 + 0.5 * number / models, tasks=ALL, items=items, seed=number, spec=spec)
        write_run(results / f"model-{number}" / run.record.run, run.record, run.items)


def measure_build(results: Path, out: Path) -> dict[str, Any]:
    """Seconds of processor and of the clock; both, because the machine may be shared."""
    catalog = Catalog()
    started, busy = time.perf_counter(), time.process_time()
    built = build(Options(results, out, catalog))
    return {
        "models": built.runs,
        "pages": built.pages,
        "build_s": round(time.perf_counter() - started, 2),
        "build_cpu_s": round(time.process_time() - busy, 2),
        "index_kb": round((out / "index.html").stat().st_size / 1000, 1),
    }


def measure_viewer(folder: Path, items: int) -> Path:
    """A site with one viewer of so many items of about the length of ICD10CM's prompts."""
    run = board_run("model", variant="sample", tasks=["icd10cm"])
    write_run(folder / "results" / "model" / "run", run.record, run.items)

    def answers(_: Path, tasks: Sequence[str]) -> Iterator[TaskSamples]:
        rows = [
            Sample(
                n,
                0,
                f"item-{n}",
                f"Which definition belongs to code {n * 7919 % 99991}? " * 8,
                "B",
                "A",
                "scored",
                0.0,
                False,
            )
            for n in range(items)
        ]
        yield TaskSamples("icd10cm", "sample", "sample", "Apache-2.0", "", rows)

    build(Options(folder / "results", folder / "site", Catalog(), answers))
    return folder / "site/samples/model/sample-icd10cm.html"


def in_browser(index: Path, viewer: Path) -> dict[str, float]:
    """Milliseconds of sorting the table by a column and seconds until the viewer shows its items.

    Medians of seven sorts, by the clock and by the processor time of the page's process (in steps of 10 ms).
    """
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(index.as_uri())
        system = browser.new_browser_cdp_session()
        page.wait_for_timeout(1000)
        sorts, busy = [], []
        for _ in range(7):
            before = _renderer_seconds(system)
            sorts.append(page.evaluate(SORT))
            busy.append(1000 * (_renderer_seconds(system) - before))
        started = time.perf_counter()
        page.goto(viewer.as_uri())
        page.wait_for_selector("html[data-ready]")
        seconds = round(time.perf_counter() - started, 2)
        return {"sort_ms": round(median(sorts)), "sort_cpu_ms": round(median(busy)), "viewer_s": seconds}


def _renderer_seconds(system: Any) -> float:
    """Processor seconds of the busiest page process."""
    processes = system.send("SystemInfo.getProcessInfo")["processInfo"]
    return max(each["cpuTime"] for each in processes if each["type"] == "renderer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=50, help="models of the board whose page is weighed")
    parser.add_argument("--large", type=int, default=500, help="models of the board that is timed")
    parser.add_argument("--items", type=int, default=40, help="items of each task")
    parser.add_argument("--samples", type=int, default=6000, help="items of the viewer")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: dict[str, Any] = {"items_a_task": options.items, "viewer_items": options.samples}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, models in (("small", options.small), ("large", options.large)):
            write_records(root / name, models, options.items)
            found[name] = measure_build(root / name, root / f"{name}-site")
        viewer = measure_viewer(root / "viewer", options.samples)
        missing = browser_missing()
        found |= {"browser": missing} if missing else in_browser(root / "large-site/index.html", viewer)
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
