"""What a person sees of a run: progress while it goes, a table when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.status import Status
from rich.table import Table

if TYPE_CHECKING:
    from clueplus.evaluation.generate import Generation
    from clueplus.records.run import Measure, Run, TaskRecord

_SHORT = {"rouge_l": "R-L", "rouge_1": "R-1", "rouge_2": "R-2", "bertscore_f1": "BERTScore", "umls_f1": "UMLS"}


class ConsoleReporter:
    """Progress on standard error: rate, time left, failures."""

    noun = "answers"

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self._progress: Progress | None = None
        self._bar: Any = None
        self._status: Status | None = None

    def note(self, text: str) -> None:
        """One line worth knowing."""
        self.console.print(f"[yellow]note[/] {escape(text)}", highlight=False)

    def waiting(self, seconds: float) -> None:
        """Shows how long the server has been starting."""
        if self._status is None:
            self._status = self.console.status("")
            self._status.start()
        self._status.update(f"loading the model, {seconds:.0f} s")

    def start(self, wanted: int) -> None:
        """Shows the bar."""
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn(self.noun),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[more]}"),
            console=self.console,
            transient=not self.console.is_terminal,
        )
        self._bar = self._progress.add_task("", total=wanted, rate="", more="")
        self._progress.start()

    def progress(self, state: Generation) -> None:
        """Moves the bar."""
        if self._progress is None:
            return
        task = self._progress.tasks[0]
        rate = f"{state.generated / task.elapsed:.1f}/s" if task.elapsed else ""
        parts = [f"{state.reused} from the store"] if state.reused else []
        parts += [f"[red]{len(state.failures)} failed[/]"] if state.failures else []
        self.move(state.reused + state.generated + len(state.failures), rate, ", ".join(parts))

    def move(self, done: int, rate: str, more: str) -> None:
        """Moves the bar to `done`."""
        if self._progress is not None:
            self._progress.update(self._bar, completed=done, rate=rate, more=more)

    def finish(self) -> None:
        """Takes the bar away."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def show_run(run: Run) -> None:
    """The table of a run and the path of its record, on standard output."""
    console = Console()
    record = run.record
    parity = record.scoring != "clueplus-1"
    version = f" by {record.scoring}: for parity with published numbers, not ranked" if parity else ""
    title = f"{escape(record.model.name)}, {record.variant} data, scores in percent{version}"
    console.print(title, style="bold", highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("task", "n", "score", "95% interval", "trivial", "unscored", "cut", "failed"):
        table.add_column(heading, justify="left" if heading == "task" else "right", no_wrap=True)
    for task in record.tasks:
        table.add_row(*_row(task))
    average = record.average
    table.add_row(
        f"avg {record.scoring}" if parity else "average", str(average.n), _percent(average), "", "", "", "", ""
    )
    console.print(table)
    for host in record.generation.retired if record.generation else []:
        console.print(f"  [yellow]-[/] {escape(host)} was lost; the others answered", highlight=False, soft_wrap=True)
    for task in record.tasks:
        console.print(_details(task), highlight=False, soft_wrap=True)
    reasons = {task.score.reason for task in record.tasks if task.score.value is None} | (
        {average.reason} if average.value is None else set()
    )
    for reason in sorted(reason for reason in reasons if reason):
        console.print(f"  [yellow]-[/] {escape(reason)}", highlight=False, soft_wrap=True)
    console.print(f"record: {run.folder / 'run.json'}", highlight=False, soft_wrap=True)


def _row(task: TaskRecord) -> list[str]:
    score = task.score
    interval = (
        f"{100 * score.low:.1f}-{100 * score.high:.1f}" if score.low is not None and score.high is not None else ""
    )
    baseline = task.trivial_baseline
    return [
        task.name,
        str(task.documents),
        _percent(score),
        interval,
        f"{baseline.name.removeprefix('baseline:')} {_percent(baseline.score)}",
        _count(task.outcomes["unscorable"]),
        "" if task.truncated is None else _count(task.truncated),
        _count(task.outcomes["infrastructure_error"]),
    ]


def _details(task: TaskRecord) -> str:
    parts = [
        f"{_SHORT.get(name, name)} {_percent(measure)}" for name, measure in {**task.components, **task.beside}.items()
    ]
    more = [f"{task.samples} samples an item"] if task.samples > 1 else []
    more += [f"{task.cut_prompts} prompts cut to fit"] if task.cut_prompts else []
    more += [f"documents made by {escape(task.data.made_by.model)}"] if task.data.made_by else []
    return f"  {task.name}: {', '.join([*parts, *more])}"


def _percent(measure: Measure) -> str:
    return "-" if measure.value is None else f"{100 * measure.value:.1f}"


def _count(number: int) -> str:
    return f"[red]{number}[/]" if number else "0"
