"""Evaluate the baselines on the open tasks and write the records that the repository holds.

    python tools/publish_baselines.py

Reads the data where `clueplus data fetch` put it, or the mirror that CLUEPLUS_DATA_MIRROR names. Each record stands in
results/<model>/<variant>/ and replaces the one before, so a change of a score is a small diff.
"""

import tempfile
from pathlib import Path

from clueplus.cli.console import ConsoleReporter, show_run
from clueplus.evaluation.options import Options
from clueplus.evaluation.run import evaluate
from clueplus.files import slug
from clueplus.records.run import Run, write_run

RESULTS = Path(__file__).resolve().parents[1] / "results"
BASELINES = ("baseline:majority", "baseline:lead", "baseline:nearest")
# The tasks whose documents anybody may download, by variant: an average never mixes variants.
TASKS = {"official": ("clueplus_open", "ner_ncbi_disease"), "open": ("mednli", "sdoh")}
# Items of more answers than this stay out of the repository: 2.8 MB a record for ICD-10-CM, mostly hashes.
MOST_ITEMS = 2000
LEFT_OUT = "too many for the repository; tools/publish_baselines.py makes them again"


def publish(model: str, variant: str, tasks: tuple[str, ...], results: Path) -> Run:
    """Evaluates one baseline on one variant and writes its record under `results`."""
    command = ("clueplus", "evaluate", "--model", model, "--variant", variant, "--tasks", ",".join(tasks))
    with tempfile.TemporaryDirectory() as scratch:
        options = Options(model, tasks, variant=variant, results_dir=Path(scratch), command=command)
        run = evaluate(options, ConsoleReporter())
    large = {task.name for task in run.record.tasks if sum(task.outcomes.values()) > MOST_ITEMS}
    records = [
        task.model_copy(update={"no_items": LEFT_OUT}) if task.name in large else task for task in run.record.tasks
    ]
    record = run.record.model_copy(update={"run": variant, "tasks": records})
    items = [item for item in run.items if item.task not in large]
    path = write_run(results / slug(model) / variant, record, items)
    return Run(path.parent, record, items)


if __name__ == "__main__":
    for variant, tasks in TASKS.items():
        for model in BASELINES:
            show_run(publish(model, variant, tasks, RESULTS))
