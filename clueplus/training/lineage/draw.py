"""A lineage as a tree of text: the checkpoint first, what it was made from below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from clueplus.records.lineage import Lineage, OriginStep, Parent, Source, Step

_SHOWN = 12


def tree(lineage: Lineage) -> list[str]:
    """The lines of the tree. A step that several others used is drawn once; elsewhere its name stands for it."""
    steps = {step.digest: step for step in lineage.steps}
    # What came out the same was not made again from an input that was: it still names the input's former digest.
    steps |= {parent.digest: step for parent, step in _renewed(lineage, steps)}
    return list(_lines(lineage.last, steps, "", "", set()))


def _renewed(lineage: Lineage, steps: Mapping[str, Step]) -> Iterator[tuple[Parent, Step]]:
    outputs = {(step.name, step.output): step for step in lineage.steps}
    for parent in (parent for step in lineage.steps for parent in step.parents):
        found = outputs.get((parent.name, parent.output))
        if parent.digest not in steps and found is not None:
            yield parent, found


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
