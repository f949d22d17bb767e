"""The list of tasks as a newcomer reads it: what each asks, where its data comes from, and what is missing here."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from clueplus.data.availability import Availability, availability
from clueplus.data.library import Library
from clueplus.metrics.resources import why_missing
from clueplus.registry import Catalog, GroupSpec, TaskSpec, Variant, VariantName

WIDTH = 100
_LICENCE = 47  # what is left of the width
_ACCESS = (
    "download      pinned files that 'clueplus data fetch' brings and checks",
    "by URL        anybody may get the file by hand; 'clueplus data import' reads it",
    "credentialed  under an agreement that you sign; 'clueplus data import' reads what you then hold",
    "rebuilt       never released; 'clueplus data rewrite' makes it again with a model of yours",
)


class Row(NamedTuple):
    """One variant of one task on this machine."""

    spec: TaskSpec
    name: VariantName
    variant: Variant
    here: Availability

    @property
    def label(self) -> str:
        """Its name in a sentence."""
        return f"{self.spec.name} ({self.name})"


class Listing(NamedTuple):
    """All tasks and groups with what is here and what is not."""

    rows: list[Row]
    unmet: dict[str, dict[str, str]]
    """By task, the measures that can't be computed here, each with the reason and the fix."""
    catalog: Catalog
    library: Library


def take_stock(catalog: Catalog, library: Library) -> Listing:
    """Looks for every file, import, encoder and table that a task needs, without reading any."""
    rows = [
        Row(spec, name, variant, availability(spec, name, library))
        for spec in catalog.tasks.values()
        for name, variant in spec.metadata.variants.items()
    ]
    unmet = {spec.name: _unmet(spec) for spec in catalog.tasks.values()}
    return Listing(rows, unmet, catalog, library)


def as_json(listing: Listing) -> dict[str, Any]:
    """The whole listing for scripts."""
    return {
        "tasks": [_task_json(spec, listing) for spec in listing.catalog.tasks.values()],
        "groups": {name: group.task for name, group in listing.catalog.groups.items()},
        "data_folder": str(listing.library.folder),
        "mirror": str(listing.library.mirror) if listing.library.mirror else None,
    }


def lines(listing: Listing) -> Iterator[str]:
    """The listing as text for a terminal of 100 columns."""
    yield _columns("task, variant", "access", "licence", "data here")
    for spec in listing.catalog.tasks.values():
        own = [row for row in listing.rows if row.spec is spec]
        shots = f"{spec.num_fewshot} shot{'s' * (spec.num_fewshot != 1)}"
        yield f"{spec.name}: {spec.metadata.task_type}, {shots}"
        for row in own:
            if row.variant.access != "shipped":
                state = "present" if row.here.present else "absent"
                yield _columns(f"  {row.name}", row.variant.access, row.variant.licence, state)
    shipped = {row.spec.name for row in listing.rows if row.variant.access == "shipped"}
    without = ", ".join(name for name in listing.catalog.tasks if name not in shipped)
    yield from _wrapped(f"every task{without and ' but '}{without} has a synthetic sample, which is shipped", "")
    yield ""
    yield from _ACCESS
    yield ""
    yield from _groups(listing.catalog.groups)
    yield ""
    yield from _missing(listing)
    yield f"data folder: {listing.library.folder}, mirror: {listing.library.mirror or 'none'}"
    yield "a file counts as present wherever it lies there; 'clueplus data status' checks what is in it"


def _columns(name: str, access: str, licence: str, here: str) -> str:
    if len(licence) > _LICENCE:
        licence = f"{licence[: _LICENCE - 3]}..."
    return f"{name:24}  {access:12}  {licence:{_LICENCE}}  {here}"


def _groups(groups: Mapping[str, GroupSpec]) -> Iterator[str]:
    for name, group in groups.items():
        yield from _wrapped(f"group {name} ({len(group.task)}): {', '.join(group.task)}", "  ")


def _missing(listing: Listing) -> Iterator[str]:
    """What is not here and what one types to get it; the same remedy once."""
    absent = [row for row in listing.rows if not row.here.present]
    fetched = [row for row in absent if row.variant.sources]
    by_reason: dict[str, list[str]] = {}
    for task, measures in listing.unmet.items():
        for measure, why in measures.items():
            by_reason.setdefault(f"{measure} {why}", []).append(task)
    if not absent and not by_reason:
        yield "nothing is missing on this machine"
        return
    yield "missing on this machine:"
    if fetched:
        yield f"  {sum(len(row.here.absent) for row in fetched)} files to download, of {len(fetched)} data sets"
        yield f"    clueplus data fetch {' '.join(dict.fromkeys(row.spec.name for row in fetched))}"
    for row in absent:
        if row.variant.imported:
            yield f"  {row.label}: {row.variant.access}, {row.variant.imported.url}"
            yield f"    {row.here.fix}"
    if any(row.variant.imported for row in absent):
        yield "  'clueplus tasks show TASK' says which files an import reads"
    for reason, tasks in by_reason.items():
        yield from _wrapped(f"  {', '.join(tasks)}: {reason}", "    ")


def _wrapped(text: str, indent: str) -> Iterable[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _unmet(spec: TaskSpec) -> dict[str, str]:
    measures = (*spec.metadata.components, *spec.metadata.beside)
    return {measure: why for measure in measures if (why := why_missing(measure))}


def _task_json(spec: TaskSpec, listing: Listing) -> dict[str, Any]:
    metadata = spec.metadata
    return {
        "name": spec.name,
        "version": metadata.version,
        "title": metadata.title,
        "task_type": metadata.task_type,
        "shots": spec.num_fewshot,
        "components": metadata.components,
        "scoring": metadata.scoring,
        "groups": [name for name, group in listing.catalog.groups.items() if spec.name in group.task],
        "variants": {row.name: _variant_json(row) for row in listing.rows if row.spec is spec},
        "missing_measures": listing.unmet[spec.name],
        "superseded_by": metadata.superseded_by,
    }


def _variant_json(row: Row) -> dict[str, Any]:
    imported = row.variant.imported
    return {
        "tier": row.variant.tier,
        "licence": row.variant.licence,
        "access": row.variant.access,
        "url": imported.url if imported else None,
        "present": row.here.present,
        "absent_files": row.here.absent,
        "missing_extra": row.here.extra,
        "fix": row.here.fix,
    }
