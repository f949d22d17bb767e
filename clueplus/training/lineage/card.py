"""The model card: what a checkpoint is, told from its lineage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from clueplus.records.lineage import Lineage, Step
from clueplus.training.lineage.draw import described, sources_of, tree
from clueplus.training.recipe.work import StageRecord


def model_card(lineage: Lineage, evaluations: Sequence[StageRecord] = ()) -> str:
    """The card as Markdown, with the front matter that the Hugging Face hub reads."""
    parts = [*_head(lineage), *_steps(lineage), *_data(lineage), *_trainings(lineage), *_scores(evaluations)]
    return "\n".join(parts) + "\n"


def _head(lineage: Lineage) -> Iterator[str]:
    base = next((step.name for step in lineage.steps if step.kind == "base"), None)
    yield "---"
    yield "library_name: transformers"
    if base is not None:
        yield f'base_model: "{base}"'
    yield "---"
    yield f"# {lineage.recipe.name}: {lineage.last.name}"
    yield ""
    if lineage.recipe.rehearsal:
        yield "**A rehearsal.** Two layers, some hundred synthetic texts: of no use but to see that everything runs."
        yield ""
    yield (
        f"Made by the stage `{lineage.last.name}`, {described(lineage.last)}, of the recipe `{lineage.recipe.name}`"
        f" (sha256 `{lineage.recipe.sha256[:12]}`) with clueplus"
        f" {lineage.last.code.clueplus if lineage.last.code else 'of an unknown version'}."
    )
    yield f"Checkpoint digest: `{lineage.checkpoint}`."


def _steps(lineage: Lineage) -> Iterator[str]:
    yield from ("", "## Made from", "", "```", *tree(lineage), "```")


def _data(lineage: Lineage) -> Iterator[str]:
    sources = sources_of(lineage)
    if not sources:
        return
    rows = [
        (_cell(one.name), _cell(one.licence), _number(one.documents), _number(one.tokens), one.homepage or "")
        for one in sources
    ]
    yield from ("", "## Data", "", *_table(("source", "licence", "documents", "tokens", "where"), rows))


def _trainings(lineage: Lineage) -> Iterator[str]:
    rows = [_training(step) for step in lineage.steps if step.result.get("losses")]
    if rows:
        yield from ("", "## Trainings", "", *_table(("stage", "method", "steps", "tokens", "losses", "seconds"), rows))


def _training(step: Step) -> tuple[str, ...]:
    losses = ", ".join(f"{name} {value:.3f}" for name, value in step.result["losses"].items())
    steps, tokens = step.result.get("steps"), step.result.get("tokens")
    return (step.name, step.method or "", _number(steps), _number(tokens), losses, f"{step.seconds or 0:.0f}")


def _scores(evaluations: Sequence[StageRecord]) -> Iterator[str]:
    for record in evaluations:
        result = record.result
        rows = [(task, _percent(score)) for task, score in result.get("tasks", {}).items()]
        rows.append(("average", _percent(result.get("average"))))
        yield from ("", f"## Scores: {record.stage}, {result.get('variant')} data, in percent", "")
        yield from _table(("task", "score"), rows)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "unknown"


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.1f}"
