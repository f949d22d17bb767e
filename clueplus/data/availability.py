"""What of a task's data is on this machine, by presence alone: nothing is read, so that listing is quick."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution, requires

from clueplus.data.imported import is_imported
from clueplus.data.library import Library
from clueplus.registry import TaskSpec, VariantName


@dataclass(frozen=True)
class Availability:
    """One variant of a task: whether its data is here, and if not, what to do.

    `absent` are the source files that are neither in the data folder nor in the mirror. `extra` is an extra of clueplus
    that the import wants and that is not installed. `fix` is None where nothing is missing.
    """

    present: bool
    absent: list[str] = field(default_factory=list)
    extra: str | None = None
    fix: str | None = None


def availability(spec: TaskSpec, variant: VariantName, library: Library) -> Availability:
    """What is here of a variant. A file that is here may still be another one: `clueplus data verify` reads it."""
    declared = spec.metadata.variants[variant]
    if declared.imported:
        extra = declared.imported.extra
        extra = extra if extra and not extra_installed(extra) else None
        present = is_imported(library.folder, spec.name, variant)
        install = f"pip install 'clueplus[{extra}]', then " if extra else ""
        rebuilt = declared.imported.access == "rebuilt"
        how = f"rewrite {spec.name} --model MODEL" if rebuilt else f"import {spec.name} PATH"
        return Availability(present, [], extra, None if present else f"{install}clueplus data {how}")
    absent = [source.file for source in declared.sources if library.place(source) is None]
    return Availability(not absent, absent, fix=f"clueplus data fetch {spec.name}" if absent else None)


def extra_installed(extra: str) -> bool:
    """Whether every package of an extra of clueplus is installed, in whatever version."""
    marker = f"extra == '{extra}'"
    wanted = [line for line in requires("clueplus") or [] if marker in line.replace('"', "'")]
    try:
        for line in wanted:
            distribution(_name(line))
    except PackageNotFoundError:
        return False
    return True


def _name(requirement: str) -> str:
    """The package's name out of `name[more]>=1; extra == 'x'`."""
    return requirement[: next((i for i, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), None)]
