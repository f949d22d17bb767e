"""A lineage as a tree of text: the checkpoint first, what it was made from below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clueplus.records.lineage import Lineage, OriginStep, Source, Step

_SHOWN = 12


def tree(lineage: Lineage) -> list[str]:
    """The lines of the tree. A step that several others used is drawn once; elsewhere its name stands for it."""
    steps = {step.digest: step for step in lineage.steps}
    return list(_lines(lineage.last, steps, "", "", set()))


def _lines(step: Step, steps: dict[str, Step], first: str, rest: str, seen: set[str]) -> Iterator[str]:
    if step.digest in seen:
        yield f"{first}{step.name} (above)"
        return
    seen.add(step.digest)
    yield f"{first}{step.name}  {described(step)}  {step.digest[:_SHOWN]}"
    for source in step.sources:
        yield f"{rest}   {_source(source)}"
    parents = [steps[parent.digest] for parent in step.parents if parent.digest in steps]
    for number, parent in enumerate(parents, 1):
        last = number == len(parents)
        yield from _lines(parent, steps, f"{rest}{'└─ ' if last else '├─ '}", f"{rest}{'   ' if last else '│  '}", seen)


def described(step: Step | OriginStep) -> str:
    """What kind of step it is."""
    return f"{step.kind} ({step.method})" if step.method else step.kind


def _source(source: Source) -> str:
    counts = [
        f"{number:,} {name}"
        for name, number in (("documents", source.documents), ("tokens", source.tokens))
        if number is not None
    ]
    return f"· {source.name}: {', '.join([*counts, source.licence])}"


def sources_of(lineage: Lineage) -> Sequence[Source]:
    """The sources of all corpora of a lineage, each once."""
    return list({source.name: source for step in lineage.steps for source in step.sources}.values())
